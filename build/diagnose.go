package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/system"
)

// Check is one thing that building needs, and how it is here.
type Check struct {
	Name  string     `json:"name"`
	State CheckState `json:"state"`
	// Detail says what was found, in a few words.
	Detail string `json:"detail"`
	// Hint says what would help, unless it is fine or Apt says it.
	Hint string `json:"hint,omitempty"`
	// Apt are the Debian packages that mend it.
	Apt []string `json:"apt,omitempty"`
}

// CheckState says whether building is possible.
type CheckState string

// The states of a check.
const (
	// Fine is all that could be wished.
	Fine CheckState = "ok"
	// Weak lets most be built, or less well guarded.
	Weak CheckState = "weak"
	// Missing lets nothing be built.
	Missing CheckState = "missing"
)

// Diagnosed is the Debian system to look at.
type Diagnosed interface {
	Release() (system.Release, error)
	Packages() (*dpkg.Database, error)
	// Tool returns the path of a program where steps look for it.
	Tool(name string) (string, error)
}

// DiagnoseOptions say what is to be built, and where.
type DiagnoseOptions struct {
	System Diagnosed
	// Cache is the store's directory, and CacheErr what opening it said.
	Cache    string
	CacheErr error
	// View is the path that a local view has.
	View string
	// Packages are the Debian packages that the spec declares for builds.
	Packages []string
	// Git says that the spec takes the version from git.
	Git bool
	// RequireSandbox makes anything but the strongest tier a failure.
	RequireSandbox bool
}

// Diagnose looks whether this machine can build.
func Diagnose(ctx context.Context, o DiagnoseOptions) []Check {
	scratch, err := os.MkdirTemp("", "envbuild-doctor-")
	if err != nil {
		return []Check{{Name: "temporary files", State: Missing, Detail: err.Error(), Hint: "make TMPDIR a directory that you can write"}}
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a leftover in /tmp changes nothing
	checks := []Check{checkSystem(o.System)}
	checks = append(checks, checkTools(o.System, o.Git)...)
	checks = append(checks, checkCompiler(ctx, o.System, scratch), checkSandbox(ctx, scratch, o.RequireSandbox))
	checks = append(checks, checkCache(o), checkSpace(o.Cache), checkView(o.View))
	return append(checks, checkPackages(o.Packages, o.System)...)
}

func checkSystem(sys Diagnosed) Check {
	c := Check{Name: "system", State: Fine}
	release, err := sys.Release()
	if err == nil {
		_, err = sys.Packages()
	}
	c.Detail = release.String()
	if err != nil {
		c.State, c.Detail = Missing, err.Error()
		c.Hint = "envbuild builds on Debian and Ubuntu: use one of them, or a container of one"
	}
	return c
}

// neededTool is a program with its Debian package, and what it is for if much can
// be done without.
type neededTool struct{ name, pkg, only string }

func neededTools(git bool) []neededTool {
	list := []neededTool{
		{"cc", "gcc", ""}, {"ld", "binutils", ""}, {"strip", "binutils", ""}, {"make", "make", ""}, {"tar", "tar", ""},
		{"gzip", "gzip", ""}, {"xz", "xz-utils", ""}, {"bzip2", "bzip2", "for archives that end in .bz2"},
		{"patch", "patch", "for patches"}, {"unzip", "unzip", "for archives that end in .zip"},
	}
	if git {
		list = append(list, neededTool{"git", "git", ""})
	}
	return list
}

func checkTools(sys Diagnosed, git bool) []Check {
	var out []Check
	for _, t := range neededTools(git) {
		path, err := sys.Tool(t.name)
		switch {
		case err == nil:
			out = append(out, Check{Name: t.name, State: Fine, Detail: path})
		case t.only != "":
			out = append(out, Check{Name: t.name, State: Weak, Detail: "not installed; needed only " + t.only, Apt: []string{t.pkg}})
		default:
			out = append(out, Check{Name: t.name, State: Missing, Detail: "not installed", Apt: []string{t.pkg}})
		}
	}
	return out
}

// checkCompiler makes a program with the headers that every runtime needs.
func checkCompiler(ctx context.Context, sys Diagnosed, scratch string) Check {
	c := Check{Name: "compiler", State: Fine, Detail: "makes programs"}
	cc, err := sys.Tool("cc")
	if err != nil {
		c.State, c.Detail, c.Apt = Missing, "there is none", []string{"gcc", "libc6-dev"}
		return c
	}
	source := filepath.Join(scratch, "program.c")
	const text = "#include <stdio.h>\n#include <math.h>\n#include <crypt.h>\nint main(void) { puts(crypt(\"a\", \"b\") ? \"\" : \"\"); return (int)pow(0, 1); }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		c.State, c.Detail = Missing, err.Error()
		return c
	}
	cmd := exec.CommandContext(ctx, cc, "-o", filepath.Join(scratch, "program"), source, "-lm", "-lcrypt")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		first, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
		c.State, c.Detail, c.Apt = Missing, strings.TrimSpace("can't make a program: "+string(first)), []string{"libc6-dev", "libcrypt-dev"}
	}
	return c
}

func checkSandbox(ctx context.Context, scratch string, require bool) Check {
	tier, reason := sandbox.Probe(ctx, scratch)
	c := Check{Name: "sandbox", State: Fine, Detail: tier.String()}
	if tier == sandbox.Namespaces {
		return c
	}
	c.State = Weak
	if require {
		c.State = Missing
	}
	c.Detail = tier.String() + ": " + reason.Error()
	c.Hint = hint.Of(reason)
	return c
}

func checkCache(o DiagnoseOptions) Check {
	c := Check{Name: "cache", State: Fine, Detail: o.Cache}
	if o.CacheErr != nil {
		c.State, c.Detail, c.Hint = Missing, o.CacheErr.Error(), "set ENVBUILD_CACHE to a directory that you can write"
		if h := hint.Of(o.CacheErr); h != "" {
			c.Hint = h
		}
	}
	return c
}

// The free space below which nothing, and below which little, is built: a runtime
// that is being built has 0.4 GB, and a project of sixty distributions with its
// archives, outputs and views as much again.
const (
	leastSpace = 512 << 20
	goodSpace  = 2 << 30
)

func checkSpace(dir string) Check {
	for {
		if _, err := os.Stat(dir); err == nil || dir == "/" || dir == "." {
			break
		}
		dir = filepath.Dir(dir)
	}
	c := Check{Name: "disk", State: Fine}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		c.State, c.Detail = Weak, err.Error()
		return c
	}
	free := int64(st.Bavail) * st.Bsize
	c.Detail = fmt.Sprintf("%.1f GB free for the cache", float64(free)/1e9)
	const hint = "free some space, run `envbuild cache gc`, or set ENVBUILD_CACHE to a directory on another disk"
	switch {
	case free < leastSpace:
		c.State, c.Hint = Missing, hint
	case free < goodSpace:
		c.State, c.Hint = Weak, hint
	}
	return c
}

// checkView looks at the one length that a path of the cache may not have.
func checkView(view string) Check {
	c := Check{Name: "paths", State: Fine, Detail: fmt.Sprintf("%d bytes for a local environment", len(view))}
	if len(view)+len("/runtime") > plan.PrefixLen {
		c.State = Weak
		c.Detail = fmt.Sprintf("%s has %d bytes; where a compiled file holds its directory, there is room for %d", view, len(view), plan.PrefixLen-len("/runtime"))
		c.Hint = "set ENVBUILD_CACHE to a directory with a shorter path"
	}
	return c
}

// checkPackages looks for what the spec declares.
func checkPackages(names []string, sys Diagnosed) []Check {
	packages, err := sys.Packages()
	if err != nil {
		return nil // the first check has said it
	}
	var out []Check
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		p, ok := packages.Package(name)
		c := Check{Name: name, State: Fine, Detail: p.Version}
		if !ok {
			c.State, c.Detail, c.Apt = Missing, "not installed, and the spec builds with it", []string{name}
		}
		out = append(out, c)
	}
	return out
}
