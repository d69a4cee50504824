package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// makeDev makes a /dev with what programs expect and nothing that is a piece of
// the machine. With a terminal of the caller's, that is /dev/console.
func makeDev(tty bool) error {
	if err := mountTmpfs("/dev", 0o755, 0); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := bindAt(oldRoot+"/dev/"+name, "/dev/"+name); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
		"ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	if err := os.Mkdir("/dev/pts", 0o755); err != nil {
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return pathError("mount devpts", "/dev/pts", err)
	}
	if err := os.Mkdir("/dev/shm", 0o755); err != nil {
		return err
	}
	if err := mountTmpfs("/dev/shm", 0o1777, 0); err != nil {
		return err
	}
	if tty {
		return bindTerminal()
	}
	return nil
}

// bindTerminal shows the terminal that is the command's standard input, so that
// ttyname finds it.
func bindTerminal() error {
	name, err := os.Readlink(oldRoot + "/proc/self/fd/0")
	if err != nil {
		return hostError(err)
	}
	return bindAt(oldRoot+name, "/dev/console")
}

// etcFiles are the files of /etc that programs look for. Without hosts, a
// Configure guesses a domain; without passwd, getpwuid fails.
var etcFiles = [...]struct{ name, content string }{
	{"passwd", fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\nbuild:x:%d:%d:build:/nonexistent:/bin/sh\n", insideID, insideID)},
	{"group", fmt.Sprintf("root:x:0:\nbuild:x:%d:\n", insideID)},
	{"hosts", "127.0.0.1 localhost\n::1 localhost\n"},
	{"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
	{"resolv.conf", ""},
}

// hostEtc are the host's entries of /etc by which compilers and the dynamic
// linker find what is in /usr.
var hostEtc = [...]string{"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"}

func writeEtc() error {
	if err := os.Mkdir("/etc", 0o755); err != nil {
		return err
	}
	for _, f := range etcFiles {
		if err := os.WriteFile(filepath.Join("/etc", f.name), []byte(f.content), 0o644); err != nil {
			return err
		}
	}
	for _, name := range hostEtc {
		from := filepath.Join(oldRoot, "etc", name)
		if _, err := os.Stat(from); err != nil {
			continue // musl has none, a minimal system no alternatives
		}
		if err := bindReadOnly(from, filepath.Join("/etc", name)); err != nil {
			return err
		}
	}
	return nil
}

// setNames gives the machine a name that is the same everywhere.
func setNames() error {
	if err := unix.Sethostname([]byte("localhost")); err != nil {
		return err
	}
	return unix.Setdomainname([]byte("(none)"))
}

// loopbackUp brings the new network's own interface up: test suites and
// configure scripts talk to themselves.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}
