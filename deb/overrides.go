package deb

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// lintianOverrides tells lintian what is meant: where the package is, that it
// runs on its own runtime, and that the files of components are as their authors
// made them. Each tag has one override with one pattern, because lintian warns of
// an override that matches nothing of what the package has of its tag.
func lintianOverrides(m Meta, entries []tree.Entry) []byte {
	o := overrides{name: m.Name}
	o.places(entries)
	if root := componentRoot(m.Components); root != "" {
		// The application's own programs, too, which may stand beside the components.
		o.because("Programs run on the package's own runtime; its environment decides what env finds.",
			[]string{"incorrect-path-for-interpreter", "wrong-path-for-interpreter"}, "*"+localRoot(entries, root)+"/*")
		o.because("The files of the components are as their authors made them.", []string{
			"custom-library-search-path", "embedded-library", "executable-not-elf-or-script", "national-encoding",
			"script-not-executable", "shared-library-lacks-prerequisites",
		}, "*"+root+"/*")
	}
	return []byte(o.b.String())
}

type overrides struct {
	name string
	b    strings.Builder
}

func (o *overrides) because(why string, tags []string, context string) {
	fmt.Fprintf(&o.b, "# %s\n", why)
	for _, tag := range tags {
		fmt.Fprintf(&o.b, "%s: %s %s\n", o.name, tag, context)
	}
}

// places are the directories that Debian's own packages leave to local ones.
func (o *overrides) places(entries []tree.Entry) {
	for _, place := range []struct {
		directory, why string
		tags           []string
	}{
		{"/opt", "/opt is where local packages live (policy 9.1.2, FHS 3.13).", []string{"dir-or-file-in-opt"}},
		{"/srv", "The administrator of the package has put it below /srv.", []string{"dir-or-file-in-srv"}},
		{"/home", "The administrator of the package has put it below /home.", []string{"dir-or-file-in-home"}},
		{"/usr/local", "The administrator of the package has put it below /usr/local.", []string{"dir-in-usr-local", "file-in-usr-local"}},
	} {
		if slices.ContainsFunc(entries, func(e tree.Entry) bool { return strings.HasPrefix(e.Path, place.directory+"/") }) {
			o.because(place.why, place.tags, "*")
		}
	}
}

// componentRoot returns, without the first slash, the deepest directory that holds
// the files of all components, "" where that is the root directory or there are none.
func componentRoot(components []Component) string {
	var files []string
	for _, c := range components {
		files = append(files, c.Files...)
	}
	return commonDir(files)
}

// localRoot is the deepest directory that holds all files beside and below root that
// localRoot is the deepest directory that holds root and every file of the package
// that has the first directory in common with it: of /opt/web/bundle and
// /opt/web/app/x that is /opt/web.
func localRoot(entries []tree.Entry, root string) string {
	top, _, _ := strings.Cut(root, "/")
	files := []string{"/" + root + "/file"}
	for _, e := range entries {
		if e.Kind != tree.Dir && strings.HasPrefix(e.Path, "/"+top+"/") {
			files = append(files, e.Path)
		}
	}
	return commonDir(files)
}

// commonDir returns, without the first slash, the deepest directory that holds all
// of the files, "" where that is the root directory or there are none.
func commonDir(files []string) string {
	common := ""
	for _, f := range files {
		if common == "" {
			common = path.Dir(f)
		}
		for common != "/" && !strings.HasPrefix(f, common+"/") {
			common = path.Dir(common)
		}
	}
	return strings.TrimPrefix(common, "/")
}
