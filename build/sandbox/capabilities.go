package sandbox

import "golang.org/x/sys/unix"

// dropCapabilities leaves this thread, and what it starts, no capability.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return at("clear ambient capabilities", err)
	}
	for c := uintptr(0); c <= 63; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		// The kernel knows no more, or this was nobody privileged: no_new_privs keeps
		// it so.
		if err == unix.EINVAL || err == unix.EPERM {
			break
		}
		if err != nil {
			return at("drop bounding capabilities", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return at("drop capabilities", unix.Capset(&header, &none[0]))
}
