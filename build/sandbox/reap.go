package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// waitFor reaps children until pid has ended.
func waitFor(pid int) (status syscall.WaitStatus) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return status
		case got == pid:
			return syscall.WaitStatus(ws)
		}
	}
}

// killOrphans kills every descendant of this process, which adopts the orphans
// among them. It ends when there is none: whoever is killed leaves its children
// to this process.
func killOrphans() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.ECHILD {
			return
		}
		if pid > 0 || err != nil {
			continue
		}
		for _, child := range children(os.Getpid()) {
			_ = unix.Kill(child, unix.SIGKILL)
		}
		_, _ = unix.Wait4(-1, nil, 0, nil)
	}
}

// children lists the processes whose parent is pid.
func children(pid int) []int {
	var list []int
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		child, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err == nil && parentOf(stat) == pid {
			list = append(list, child)
		}
	}
	return list
}

// parentOf reads the parent's pid from the content of a /proc/PID/stat file, or
// returns 0. The command's name, in parentheses, may contain anything.
func parentOf(stat []byte) int {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return pid
}
