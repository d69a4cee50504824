package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// insideID is the user and group as which a command sees itself. It isn't 0:
// a command that believes to be root tries to change owners.
const insideID = 1000

// oldRoot is where the host's file system is while the new root is made.
const oldRoot = "/.host"

// enterRoot gives this process, alone in new user, mount, network, IPC and UTS
// namespaces, the file system that the command is to see. It needs Linux 5.12:
// recursive read-only mounts; overlayfs in user namespaces came with 5.11.
func enterRoot(cfg *config) error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"make a new root", newRoot},
		{"show the system's directories", bindSystem},
		{"write /etc", writeEtc},
		{"make /dev", func() error { return makeDev(cfg.TTY) }},
		{"mount /proc", func() error { return mountProc(cfg.Tier) }},
		{"mount /tmp", func() error { return mountTmpfs("/tmp", 0o1777, 0) }},
		{"show directories", func() error { return bindAll(cfg.Binds) }},
		{"mount layers", func() error { return mountLayers(cfg.Mounts) }},
		{"leave the host's root", leaveHost},
		{"set the host name", setNames},
		{"bring up the loopback network", loopbackUp},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return at(s.name, err)
		}
	}
	return nil
}

// newRoot makes an empty tmpfs the root, with the host's root at oldRoot.
func newRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return pathError("make mounts private", "/", err)
	}
	// Any directory that exists everywhere will do: the mount hides it for a moment.
	const base = "/proc"
	if err := unix.Mount("tmpfs", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return pathError("mount tmpfs", base, err)
	}
	if err := os.Mkdir(base+oldRoot, 0o755); err != nil {
		return err
	}
	if err := unix.PivotRoot(base, base+oldRoot); err != nil {
		return pathError("pivot_root", base, err)
	}
	return unix.Chdir("/")
}

// leaveHost takes the host's file system away and makes the new root read-only.
func leaveHost() error {
	if err := unix.Unmount(oldRoot, unix.MNT_DETACH); err != nil {
		return pathError("unmount", oldRoot, err)
	}
	if err := os.Remove(oldRoot); err != nil {
		return err
	}
	for _, dir := range []string{"/dev", "/"} {
		if err := setAttributes(dir, unix.MOUNT_ATTR_RDONLY, 0); err != nil {
			return err
		}
	}
	return nil
}

// bindSystem shows /usr and the directories that were, or are, links into it.
// /usr/local is empty: what somebody put there is no part of any package.
// Of the machine nothing is read here; what steps find there, internal/system tells.
func bindSystem() error {
	if err := bindReadOnly(oldRoot+"/usr", "/usr"); err != nil {
		return err
	}
	if err := mountTmpfs("/usr/local", 0o755, unix.MOUNT_ATTR_RDONLY); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range systemDirectories(oldRoot) {
		if target, err := os.Readlink(oldRoot + name); err == nil {
			if err := os.Symlink(target, name); err != nil {
				return err
			}
		} else if err := bindReadOnly(oldRoot+name, name); err != nil {
			return err
		}
	}
	return nil
}

// systemDirectories lists the host's /bin, /sbin and /lib directories or links.
func systemDirectories(root string) []string {
	var names []string
	for _, pattern := range []string{"/bin", "/sbin", "/lib*"} {
		found, _ := filepath.Glob(root + pattern)
		for _, f := range found {
			names = append(names, strings.TrimPrefix(f, root))
		}
	}
	return names
}

// mountProc mounts a new /proc, which shows only this pid namespace, or the
// host's. Both are read-only: when the caller is the real root, its files in
// /proc/sys would be writable, core_pattern among them.
func mountProc(tier Tier) error {
	if err := os.Mkdir("/proc", 0o755); err != nil {
		return err
	}
	if tier == NamespacesNoPID {
		return bindReadOnly(oldRoot+"/proc", "/proc")
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY
	return pathError("mount", "/proc", unix.Mount("proc", "/proc", "proc", flags, ""))
}

func bindAll(binds []bind) error {
	for _, b := range binds {
		from := oldRoot + b.From
		if !b.Writable {
			if err := bindReadOnly(from, b.To); err != nil {
				return err
			}
			continue
		}
		if err := bindAt(from, b.To); err != nil {
			return err
		}
		if err := setAttributes(b.To, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, unix.AT_RECURSIVE); err != nil {
			return err
		}
	}
	return nil
}

// bindReadOnly shows from, with everything mounted below it, at to.
func bindReadOnly(from, to string) error {
	if err := bindAt(from, to); err != nil {
		return err
	}
	const attr = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	return setAttributes(to, attr, unix.AT_RECURSIVE)
}

// bindAt binds from at to, which it creates as a directory or file if need be.
func bindAt(from, to string) error {
	fi, err := os.Stat(from)
	if err != nil {
		return hostError(err)
	}
	if err := mountPoint(to, fi.IsDir()); err != nil {
		return err
	}
	return pathError("bind", to, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""))
}

func mountPoint(to string, dir bool) error {
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	if dir {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.MkdirAll(path.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, nil, 0o644)
}

// mountTmpfs mounts an empty tmpfs. Below the new root the directory is created, in
// /usr it must be there.
func mountTmpfs(dir string, mode fs.FileMode, attr uint64) error {
	if path.Dir(dir) == "/" {
		if err := mountPoint(dir, true); err != nil {
			return err
		}
	}
	options := "mode=0755"
	if mode == 0o1777 {
		options = "mode=1777"
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return pathError("mount tmpfs", dir, err)
	}
	if attr == 0 {
		return nil
	}
	return setAttributes(dir, attr, 0)
}

func setAttributes(dir string, attr uint64, flags uint) error {
	err := unix.MountSetattr(unix.AT_FDCWD, dir, flags, &unix.MountAttr{Attr_set: attr})
	return pathError("mount_setattr", dir, err)
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// hostError names a host path as people know it.
func hostError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		p.Path = strings.TrimPrefix(p.Path, oldRoot)
	}
	return err
}
