package build

import (
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/envbuild/envbuild/internal/digest"
)

// MachineIdentity names the state of what ReadMachine reads, by inodes, sizes and
// times: as long as it is the same, so is the machine that steps see. It reads no
// file, so it costs a fraction of a millisecond.
func MachineIdentity() digest.SHA256 {
	paths := []string{"/etc/os-release", "/var/lib/dpkg/status"}
	for _, name := range tools {
		paths = append(paths, filepath.Join("/usr/bin", name), filepath.Join("/bin", name))
	}
	h := digest.NewHasher("machine identity")
	for _, p := range paths {
		h.Field(p, statIdentity(p))
	}
	return h.SHA256()
}

// statIdentity is another text whenever the file at path, or at the end of its
// symlinks, was changed or replaced; empty if there is none.
func statIdentity(path string) string {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprint(st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim)
}
