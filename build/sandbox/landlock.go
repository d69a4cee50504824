package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// systemRules lets a command read what the namespace tiers show of the system.
// Only whole directories can be allowed, so /usr is allowed directory by directory, without
// /usr/local, and can't be listed itself.
func systemRules() ([]rule, error) {
	var rules []rule
	for _, name := range systemDirectories("") {
		rules = append(rules, rule{name, readExecute})
	}
	entries, err := os.ReadDir("/usr")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "local" {
			rules = append(rules, rule{filepath.Join("/usr", e.Name()), readExecute})
		}
	}
	for _, name := range hostEtc {
		rules = append(rules, rule{filepath.Join("/etc", name), readExecute})
	}
	for _, f := range etcFiles {
		rules = append(rules, rule{filepath.Join("/etc", f.name), readExecute})
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"} {
		rules = append(rules, rule{filepath.Join("/dev", name), readWriteFile})
	}
	return append(rules, rule{"/proc", readExecute}), nil
}

const (
	landlockRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// landlockNoDirectory are the rights that a rule for a file may have.
	landlockNoDirectory = landlockFile | unix.LANDLOCK_ACCESS_FS_EXECUTE
	landlockV1          = landlockRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM
)

// landlockMin is the oldest Landlock that will do: its first version can't
// allow renames between directories, which every install does.
const landlockMin = 2

// landlockAttr describes all that Landlock of a version can deny.
func landlockAttr(version int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: landlockV1}
	for _, v := range []struct {
		since           int
		fs, net, scoped uint64
	}{
		{since: 2, fs: unix.LANDLOCK_ACCESS_FS_REFER},
		{since: 3, fs: unix.LANDLOCK_ACCESS_FS_TRUNCATE},
		{since: 4, net: unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		{since: 5, fs: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
		{since: 6, scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
	} {
		if version >= v.since {
			attr.Handled_access_fs |= v.fs
			attr.Handled_access_net |= v.net
			attr.Scoped |= v.scoped
		}
	}
	return attr
}

// scopeSignals keeps this thread from signalling processes that it didn't start,
// as far as the kernel's Landlock can (Linux 6.12): they have the same user.
func scopeSignals() error {
	version, err := landlockVersion()
	if err != nil {
		return nil // it isn't what this tier relies on
	}
	attr := unix.LandlockRulesetAttr{Scoped: landlockAttr(version).Scoped & unix.LANDLOCK_SCOPE_SIGNAL}
	if attr.Scoped == 0 {
		return nil
	}
	return enterDomain(attr, nil)
}

// restrictFiles puts this thread into a Landlock domain.
func restrictFiles(rules []rule) error {
	version, err := landlockVersion()
	if err != nil {
		return at("ask for Landlock", err)
	}
	if version < landlockMin {
		return at("ask for Landlock", errors.New("the kernel's version of it is too old"))
	}
	return enterDomain(landlockAttr(version), rules)
}

func enterDomain(attr unix.LandlockRulesetAttr, rules []rule) error {
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return at("make a Landlock ruleset", errno)
	}
	defer unix.Close(int(fd))
	for _, r := range rules {
		if err := addRule(int(fd), r, attr.Handled_access_fs); err != nil {
			return at("allow "+r.Path, err)
		}
	}
	_, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	if errno != 0 {
		return at("enter a Landlock domain", errno)
	}
	return nil
}

func landlockVersion() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}

// addRule allows access beneath a path. What doesn't exist needs no rule.
func addRule(ruleset int, r rule, handled uint64) error {
	fd, err := unix.Open(r.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	allowed := handled
	switch r.Access {
	case readExecute:
		allowed &= landlockRead
	case readWriteFile:
		allowed &= landlockFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	case everything:
		// A device that root makes is a way around every other rule.
		allowed &^= unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		allowed &= landlockNoDirectory
	}
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: allowed, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
