package health

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/internal/elfedit"
	"github.com/envbuild/envbuild/internal/tree"
)

// checkNames looks for build paths in names and links.
func (c *checker) checkNames(e tree.Entry) {
	for _, s := range c.req.Forbidden {
		switch {
		case strings.Contains(e.Path, s):
			c.fail(e.Path, BuildPath, buildPathHint, "has %s in its name", s)
		case strings.Contains(e.Target, s):
			c.fail(e.Path, BuildPath, buildPathHint, "is a link to %s, a path of the machine that built", e.Target)
		}
	}
}

const buildPathHint = "make the file where the package is made, or take the path out of it: it is not a path of the server"

// checkContent reads a file once: its beginning, and all of it for build paths.
func (c *checker) checkContent(e tree.Entry) error {
	f, err := e.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	c.checkHead(e, head[:n])
	return c.checkBuildPaths(e, io.MultiReader(bytes.NewReader(head[:n]), f))
}

// checkHead looks at the first line of a program. A file that isn't executable
// is read by programs and not by the kernel.
func (c *checker) checkHead(e tree.Entry, head []byte) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text, ok := strings.CutPrefix(string(line), "#!")
	if !ok || e.Mode&0o111 == 0 {
		return
	}
	words := strings.Fields(text)
	asks := fmt.Sprintf("begins with %q", strings.TrimSpace(string(line)))
	if len(words) == 0 {
		c.fail(e.Path, Interpreter, "name the interpreter", "%s, which names no interpreter", asks)
		return
	}
	c.checkProgram(e, words[0], asks)
	if path.Base(words[0]) != "env" {
		return
	}
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") || strings.Contains(w, "=") {
			continue
		}
		c.checkSearched(e, w, asks)
		return
	}
}

// checkBuildPaths looks for whole paths only. The view has proven of what steps
// built that not even pieces are left; what else is in a package was compiled
// nowhere near.
func (c *checker) checkBuildPaths(e tree.Entry, r io.Reader) error {
	longest := 0
	for _, s := range c.req.Forbidden {
		longest = max(longest, len(s))
	}
	if longest == 0 {
		return nil
	}
	found := map[string]bool{}
	if c.buf == nil {
		c.buf = make([]byte, max(1<<17, 4*longest))
	}
	buf := c.buf
	for have := 0; ; {
		n, err := io.ReadFull(r, buf[have:])
		have += n
		for _, s := range c.req.Forbidden {
			if !found[s] && bytes.Contains(buf[:have], []byte(s)) {
				found[s] = true
				c.fail(e.Path, BuildPath, buildPathHint, "holds %s, a path of the machine that built", s)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		have = copy(buf, buf[have-longest+1:have])
	}
}

// checkLibraries looks at the compiled files: who has their libraries, where they
// look for them, and who starts them.
func (c *checker) checkLibraries() error {
	files := deb.ELFFiles(c.req.Entries)
	needs, err := shlibs.Needs(c.req.System, slices.Concat(files, deb.ELFFiles(c.req.Beside)), nil)
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, f := range files {
		own[f.Path] = true
		if err := c.checkObject(f); err != nil {
			return err
		}
	}
	for _, n := range needs {
		if own[n.File] && !n.Inside {
			c.checkLibrary(n)
		}
	}
	return nil
}

func (c *checker) checkLibrary(n shlibs.Need) {
	switch {
	case slices.ContainsFunc(n.Packages, c.linkable):
	case len(n.Packages) > 0:
		c.fail(n.File, Library, "add "+n.Packages[0]+" to package.depends, or build without it",
			"links to %s of the Debian package %s, which the spec doesn't declare", n.Soname, n.Packages[0])
	case n.Found != "":
		c.fail(n.File, Library, "a server has no "+n.Found+": use the Debian package of the library, or ship it",
			"links to %s, which is %s and in no Debian package", n.Soname, n.Found)
	default:
		c.fail(n.File, Library, "ship the library, or name the Debian package that has it in package.depends and install it here",
			"links to %s, which is neither in the package nor on this machine", n.Soname)
	}
}

// checkObject looks at a compiled file's search path and loader.
func (c *checker) checkObject(f shlibs.ELF) error {
	info, err := elfedit.ReadFile(f.Source)
	var format *elfedit.FormatError
	if errors.Is(err, elfedit.ErrNotELF) || errors.As(err, &format) {
		return nil
	}
	if err != nil {
		return err
	}
	for tag, value := range map[string]string{"RPATH": info.Rpath, "RUNPATH": info.Runpath} {
		if value == "" {
			continue
		}
		for entry := range strings.SplitSeq(value, ":") {
			c.checkSearchPath(f.Path, tag, entry)
		}
	}
	if info.Interp != "" {
		c.checkProgram(c.paths.entries[f.Path], info.Interp, "is started by "+info.Interp)
	}
	return nil
}

const searchPathHint = "link it with a search path that begins with $ORIGIN and stays in the package, or remove the path: patchelf --remove-rpath"

func (c *checker) checkSearchPath(file, tag, entry string) {
	if entry == "" {
		c.fail(file, SearchPath, searchPathHint, "has an empty %s, which means the directory in which it is started", tag)
		return
	}
	dir := path.Dir(file)
	directory := strings.NewReplacer("$ORIGIN", dir, "${ORIGIN}", dir).Replace(entry)
	if !path.IsAbs(directory) {
		c.fail(file, SearchPath, searchPathHint, "has the %s %s, which counts from the directory in which it is started", tag, entry)
		return
	}
	directory = path.Clean(directory)
	if resolved, ok := c.paths.resolve(directory); ok {
		directory = resolved
	}
	switch {
	case c.isWritable(directory):
		c.fail(file, SearchPath, searchPathHint, "has the %s %s, which everybody can write", tag, entry)
	case !c.isOwn(directory) && !loadersOwn(directory):
		c.fail(file, SearchPath, searchPathHint, "has the %s %s, which leads out of the package", tag, entry)
	}
}

// isWritable reports whether everybody can put a library there.
func (c *checker) isWritable(directory string) bool {
	for _, p := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run/lock"} {
		if tree.Within(directory, p) {
			return true
		}
	}
	for p := directory; p != "/"; p = path.Dir(p) {
		if e, ok := c.paths.entries[p]; ok && e.Kind == tree.Dir && e.Mode&0o002 != 0 {
			return true
		}
	}
	return false
}

// loadersOwn reports whether the loader searches the directory anyway.
func loadersOwn(directory string) bool {
	return regexp.MustCompile(`^(/usr)?/lib(32|64|x32|/[^/]+-linux-(gnu|musl)[^/]*)?$`).MatchString(directory)
}
