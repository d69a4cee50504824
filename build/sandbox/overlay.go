package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountLayers shows each layer at its prefix: a bind mount where one directory
// will do, else overlayfs.
func mountLayers(layers []mount) error {
	for _, l := range layers {
		if err := os.Mkdir(l.Prefix, 0o755); err != nil {
			return err
		}
		var err error
		switch {
		case len(l.Lowers) == 0 && l.Upper == "": // an empty directory
		case len(l.Lowers) == 0:
			err = bindAll([]bind{{From: l.Upper, To: l.Prefix, Writable: true}})
		case len(l.Lowers) == 1 && l.Upper == "":
			err = bindReadOnly(oldRoot+l.Lowers[0], l.Prefix)
		default:
			err = mountOverlay(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mountOverlay merges directories. The options of one mount call end at 4 KiB, and
// ',' and ':' mean something in them, so the directories are named by short links.
func mountOverlay(l mount) error {
	const links = "/.layers"
	if err := os.Mkdir(links, 0o700); err != nil {
		return err
	}
	if err := linkLayers(l, links); err != nil {
		return err
	}
	if err := unix.Chdir(links); err != nil {
		return err
	}
	err := unix.Mount("overlay", l.Prefix, "overlay", unix.MS_NOSUID|unix.MS_NODEV, overlayOptions(l))
	if err != nil {
		return pathError(fmt.Sprintf("mount an overlay of %d directories", len(l.Lowers)), l.Prefix, err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return os.RemoveAll(links)
}

func linkLayers(l mount, links string) error {
	for i, lower := range l.Lowers {
		if err := os.Symlink(oldRoot+lower, filepath.Join(links, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	if l.Upper == "" {
		return nil
	}
	if err := os.Symlink(oldRoot+l.Upper, filepath.Join(links, "u")); err != nil {
		return err
	}
	return os.Symlink(oldRoot+l.Work, filepath.Join(links, "w"))
}

// overlayOptions needs userxattr: without it, removing a lower directory fails with
// EIO in a user namespace. Without volatile every unmount syncs the whole file
// system that the upper directory is on.
func overlayOptions(l mount) string {
	var b strings.Builder
	b.WriteString("userxattr,lowerdir=")
	for i := range l.Lowers {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strconv.Itoa(i))
	}
	if l.Upper != "" {
		b.WriteString(",upperdir=u,workdir=w,volatile")
	}
	return b.String()
}
