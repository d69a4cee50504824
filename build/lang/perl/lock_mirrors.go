package perl

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// defaultMirror is asked where neither the spec nor the cpanfile names a mirror. It
// keeps what authors have deleted, so that old snapshots resolve.
const defaultMirror = "https://cpan.metacpan.org/"

// Mirrors returns the base addresses to which the paths of a lock's pins belong, in
// the order in which they are asked: override if it isn't empty, else the spec's,
// else CPAN. Each ends in a slash; directories, which are relative to the spec's, have
// become file addresses.
func Mirrors(spec *pkgspec.Spec, override []string) []string {
	names := override
	if len(names) == 0 && spec.CPAN() != nil {
		names = spec.CPAN().Mirrors
	}
	if len(names) == 0 {
		return []string{defaultMirror}
	}
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, mirrorAddress(spec.Dir, name))
	}
	return out
}

func mirrorAddress(dir, name string) string {
	if !strings.Contains(name, "://") && !strings.HasPrefix(name, "file:") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		// Abs fails only where there is no working directory; then the relative
		// path is the best that can be said in an error later.
		if abs, err := filepath.Abs(name); err == nil {
			name = abs
		}
		name = (&url.URL{Scheme: "file", Path: filepath.ToSlash(name)}).String()
	}
	return strings.TrimRight(name, "/") + "/"
}

// mirrorList is where locking looks for archives and names.
type mirrorList struct {
	all []string
	// own are those that only the cpanfile names. What is found there is pinned
	// with its whole address, because the spec doesn't lead to it.
	own []string
}

func (m mirrorList) isOwn(mirror string) bool { return slices.Contains(m.own, mirror) }

// lockMirrors adds to the spec's mirrors what the cpanfile says, which counts
// where the spec says nothing.
func lockMirrors(spec *pkgspec.Spec, override []string, file *cpanfile) mirrorList {
	list := mirrorList{all: Mirrors(spec, override)}
	named := len(override) > 0 || len(spec.CPAN().Mirrors) > 0
	if len(file.mirrors) > 0 && !named {
		list.all = nil
		for _, name := range file.mirrors {
			address := mirrorAddress(spec.Dir, name)
			list.all = append(list.all, address)
			if address != defaultMirror {
				list.own = append(list.own, address)
			}
		}
	}
	return list
}

// mirrorVariable names mirrors, between commas or spaces, as Carton reads it.
const mirrorVariable = "PERL_CARTON_MIRROR"

// Registries implements lang.RegistryConfigurer. The mirrors replace the spec's:
// what an archive is doesn't depend on where it comes from.
func (*Perl) Registries(c lang.Configuration) ([]lang.Registry, error) {
	var out []lang.Registry
	separates := func(r rune) bool { return r == ',' || r == ' ' }
	for _, m := range strings.FieldsFunc(c.Getenv(mirrorVariable), separates) {
		u, err := url.Parse(m)
		if err != nil || u.User != nil { // which isn't quoted: errors of url.Parse hold the address
			return nil, &MirrorVariableError{}
		}
		out = append(out, lang.Registry{Address: m})
	}
	return out, nil
}

// MirrorVariableError says that PERL_CARTON_MIRROR names what can't be a mirror.
type MirrorVariableError struct{}

func (*MirrorVariableError) Error() string {
	return "an address in " + mirrorVariable + " holds a user name or a password, or is not valid"
}

// Hint says where credentials belong.
func (*MirrorVariableError) Hint() string {
	return "put them into ~/.netrc: addresses are printed and written into locks"
}
