// Package health looks for what would break on a server, or would let in what
// nobody pinned: libraries and interpreters that will not be there, search paths
// that lead out of the package, dead links, modes that nobody asked for, and
// paths of the machine that built. It reads entries, their sources and what the
// Debian system says of its packages, and finds everything at once.
package health

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/internal/tree"
)

// Request is a package to look at.
type Request struct {
	// Entries are the package's, at the paths that they have when they are in use.
	Entries []tree.Entry
	// Beside are the entries of packages that are made with this one and that it
	// depends on. They are there, and not looked at.
	Beside []tree.Entry
	// Made are paths that scripts and services make on the server. They and all
	// below them count as there.
	Made []string
	// Prefixes are the directories that these packages own alone.
	Prefixes []string
	// System tells which Debian package has what.
	System shlibs.System
	// Base names the Debian packages whose libraries everything may link.
	Base []string
	// Declared names the Debian packages that the spec declares, whose libraries
	// and files this one may use, with all that they depend on. The files of what
	// every Debian system has may be used anyway.
	Declared []string
	// Path are the directories in which env(1) looks for programs.
	Path []string
	// Asked are the paths that the spec gives a mode of their own.
	Asked map[string]bool
	// Unchecked reports whether the spec takes a path out of the check. nil
	// takes none.
	Unchecked func(path string) bool
	// Forbidden are strings that no file, name or link may hold: the prefixes of
	// the build, the store's directories.
	Forbidden []string
}

// Rule names what a finding is about.
type Rule string

// The rules.
const (
	Library     Rule = "library"
	SearchPath  Rule = "search path"
	Interpreter Rule = "interpreter"
	DeadLink    Rule = "link"
	Mode        Rule = "mode"
	BuildPath   Rule = "build path"
)

// Finding is one fault of one file.
type Finding struct {
	// Path is the file's in the package.
	Path string
	Rule Rule
	// Reason continues the path: "is world-writable".
	Reason string

	hint string
}

func (f *Finding) Error() string { return fmt.Sprintf("%s %s", f.Path, f.Reason) }

// Hint says what to do.
func (f *Finding) Hint() string { return f.hint }

// Findings are all faults of a package, by rule and path. It is never empty.
type Findings []*Finding

// Error returns one line for each.
func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As and the terminal the single faults.
func (fs Findings) Unwrap() []error {
	out := make([]error, len(fs))
	for i, f := range fs {
		out[i] = f
	}
	return out
}

// Complete asks that all of them be shown, however many there are.
func (Findings) Complete() {}

// Check looks at a package. It returns Findings if there is any, or the error
// that kept it from looking.
func Check(ctx context.Context, req Request) error {
	packages, err := req.System.Packages()
	if err != nil {
		return err
	}
	c := &checker{
		req: req, packages: packages,
		allowed:  packages.Closure(slices.Concat(packages.Everywhere(), req.Base, req.Declared)),
		linkable: packages.Linkable(req.Base, req.Declared),
		paths:    newPaths(req.Made, req.Entries, req.Beside),
		outside:  map[string][]claim{},
	}
	if err := c.checkLibraries(); err != nil {
		return err
	}
	for _, e := range req.Entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := c.checkEntry(e); err != nil {
			return fmt.Errorf("look at %s: %w", e.Path, err)
		}
	}
	if err := c.settleClaims(); err != nil {
		return err
	}
	return c.result()
}

type checker struct {
	req      Request
	paths    *paths
	packages *dpkg.Database
	// allowed are the Debian packages whose files may be used, and linkable says whose
	// libraries may be.
	allowed  map[string]bool
	linkable func(name string) bool
	outside  map[string][]claim
	found    Findings
	buf      []byte // what files are read into
}

// claim is called when no allowed package has the path that an entry counts on.
// owner is a package that has it, or empty.
type claim func(owner string)

func (c *checker) fail(path string, rule Rule, hint, reason string, args ...any) {
	if c.req.Unchecked != nil && c.req.Unchecked(path) {
		return
	}
	c.found = append(c.found, &Finding{Path: path, Rule: rule, Reason: fmt.Sprintf(reason, args...), hint: hint})
}

// needs notes that a path outside must be an allowed package's.
func (c *checker) needs(p string, lost claim) { c.outside[p] = append(c.outside[p], lost) }

// settleClaims asks dpkg once for all paths.
func (c *checker) settleClaims() error {
	if len(c.outside) == 0 {
		return nil
	}
	paths := make([]string, 0, len(c.outside))
	for p := range c.outside {
		paths = append(paths, p)
	}
	owners, err := c.packages.Owners(paths)
	if err != nil {
		return err
	}
	for p, claims := range c.outside {
		if slices.ContainsFunc(owners[p], func(o dpkg.Owner) bool { return c.allowed[o.Name] }) {
			continue
		}
		owner := ""
		for _, o := range owners[p] {
			if owner == "" || o.Name < owner {
				owner = o.Name
			}
		}
		for _, lost := range claims {
			lost(owner)
		}
	}
	return nil
}

func (c *checker) result() error {
	if len(c.found) == 0 {
		return nil
	}
	slices.SortFunc(c.found, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(c.found, func(a, b *Finding) bool { return *a == *b })
}

func (c *checker) checkEntry(e tree.Entry) error {
	c.checkMode(e)
	c.checkNames(e)
	if e.Kind == tree.Symlink {
		c.checkLink(e)
	}
	if e.Kind != tree.File {
		return nil
	}
	return c.checkContent(e)
}
