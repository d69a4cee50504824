package perl

import (
	"fmt"
	"path"
	"strings"
)

// archiveSuffixes are the endings of CPAN's archives, longest first.
func archiveSuffixes() []string {
	return []string{".tar.bz2", ".tar.gz", ".tar.xz", ".tbz2", ".tgz", ".txz", ".tar", ".zip"}
}

// checkPathname accepts a path below authors/id: A/AU/AUTHOR/…/FILE.
func checkPathname(p string) error {
	if strings.Count(p, "/") < 3 || p != path.Clean(p) || path.IsAbs(p) || strings.HasPrefix(p, "../") ||
		strings.ContainsAny(p, "\\\x00 ?#%") {
		return fmt.Errorf("%q is not a path below a mirror's authors/id, such as M/MI/MIYAGAWA/Plack-1.0050.tar.gz", p)
	}
	if _, ok := cutArchiveSuffix(p); !ok {
		return fmt.Errorf("%q is not an archive: expected a name that ends in one of %s", p, strings.Join(archiveSuffixes(), " "))
	}
	return nil
}

func cutArchiveSuffix(p string) (string, bool) {
	for _, s := range archiveSuffixes() {
		if rest, ok := strings.CutSuffix(p, s); ok {
			return rest, true
		}
	}
	return p, false
}

// distName splits an archive's path into the distribution's name and version as
// CPAN::DistnameInfo does for the names in use: the version begins at the last
// hyphen before a digit. "" where there is no version.
func distName(pathname string) (name, version string) {
	base, _ := cutArchiveSuffix(path.Base(pathname))
	base = strings.TrimSuffix(base, "-withoutworldwriteables")
	at := versionStart(base)
	if at < 0 {
		return strings.TrimSuffix(base, ".pm"), ""
	}
	name, version = base[:at], base[at+1:]
	// Foo-0.03-1: the whole of 0.03-1 is the version.
	if !strings.Contains(version, ".") {
		if earlier := versionStart(name); earlier > 0 && isDotted(name[earlier+1:]) {
			name, version = base[:earlier], base[earlier+1:]
		}
	}
	return strings.TrimSuffix(name, ".pm"), version
}

// versionStart is the place of the separator before the version, or -1.
func versionStart(s string) int {
	for i := len(s) - 2; i > 0; i-- {
		rest := strings.TrimPrefix(s[i+1:], "v")
		startsDigit := rest != "" && rest[0] >= '0' && rest[0] <= '9'
		if startsDigit && s[i] == '-' {
			return i
		}
	}
	// libao-perl_0.03: rare, and only where no hyphen would do.
	i := strings.LastIndexByte(s, '_')
	if i > 0 && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
		return i
	}
	return -1
}

// isDotted reports whether s is numbers with dots between them, such as v0.03.
func isDotted(s string) bool {
	v, err := parseVersion(s)
	return err == nil && !v.isZero() && strings.Contains(s, ".")
}
