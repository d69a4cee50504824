package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data. The low half of the first argument is at
// offArg0 on little-endian machines, which all in auditArch are.
const (
	offNr   = 0
	offArch = 4
	offArg0 = 16
)

// x32 system calls have this bit: another table of numbers for one machine.
const x32Bit = 0x40000000

// auditArch is the kernel's name for the machines that the filter knows.
func auditArch(goarch string) (uint32, error) {
	switch goarch {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64, nil
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64, nil
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64, nil
	}
	return 0, fmt.Errorf("no system call filter for %s", goarch)
}

// filterCalls denies this thread what Landlock leaves open: sockets other than
// unix and netlink ones, connecting to any (docker.sock and an ssh-agent are
// files), and io_uring, which could do both unseen.
func filterCalls() error {
	arch, err := auditArch(runtime.GOARCH)
	if err != nil {
		return at("filter system calls", err)
	}
	filter := callFilter(arch)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return at("filter system calls", errno)
	}
	return nil
}

// callFilter is the filter's program. Jumps count instructions to skip.
func callFilter(arch uint32) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	deny := func(errno uint32) unix.SockFilter {
		return unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | errno}
	}
	return []unix.SockFilter{
		{Code: load, K: offArch},
		{Code: equal, K: arch, Jt: 1},
		deny(uint32(unix.ENOSYS)),
		{Code: load, K: offNr},
		{Code: least, K: x32Bit, Jf: 1},
		deny(uint32(unix.ENOSYS)),
		{Code: equal, K: unix.SYS_IO_URING_SETUP, Jf: 1},
		deny(uint32(unix.ENOSYS)),
		{Code: equal, K: unix.SYS_CONNECT, Jf: 1},
		deny(uint32(unix.EACCES)),
		{Code: equal, K: unix.SYS_SOCKET, Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		{Code: load, K: offArg0},
		{Code: equal, K: unix.AF_UNIX, Jt: 2},
		{Code: equal, K: unix.AF_NETLINK, Jt: 1},
		deny(uint32(unix.EACCES)),
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
}
