package health

import (
	"path"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// paths knows what is there when packages are unpacked.
type paths struct {
	entries     map[string]tree.Entry
	directories map[string]bool
	made        []string
}

func newPaths(made []string, lists ...[]tree.Entry) *paths {
	t := &paths{entries: map[string]tree.Entry{}, directories: map[string]bool{"/": true}, made: made}
	for _, list := range lists {
		for _, e := range list {
			t.entries[e.Path] = e
			directory := e.Path
			if e.Kind != tree.Dir {
				directory = path.Dir(directory)
			}
			for ; !t.directories[directory]; directory = path.Dir(directory) {
				t.directories[directory] = true
			}
		}
	}
	return t
}

// has reports whether a path without links in it is in the packages.
func (t *paths) has(p string) bool {
	if _, ok := t.entries[p]; ok || t.directories[p] {
		return true
	}
	for _, m := range t.made {
		if tree.Within(p, m) {
			return true
		}
	}
	return false
}

// resolve follows the packages' links. It fails where they go round.
func (t *paths) resolve(p string) (string, bool) {
	const mostLinks = 40 // as the kernel
	done, todo := "/", strings.Split(p, "/")
	for links := 0; len(todo) > 0; {
		next := path.Join(done, todo[0])
		todo = todo[1:]
		e, ok := t.entries[next]
		if !ok || e.Kind != tree.Symlink {
			done = next
			continue
		}
		if links++; links > mostLinks {
			return "", false
		}
		if path.IsAbs(e.Target) {
			done = "/"
		}
		todo = append(strings.Split(e.Target, "/"), todo...)
	}
	return done, true
}

// program returns the entry that a path leads to, through links of both kinds.
func (t *paths) program(p string) (tree.Entry, bool) {
	p, ok := t.resolve(p)
	if !ok {
		return tree.Entry{}, false
	}
	e, ok := t.entries[p]
	if ok && e.Kind == tree.Hardlink {
		return t.program(e.Target)
	}
	return e, ok
}
