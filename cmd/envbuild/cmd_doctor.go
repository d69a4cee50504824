package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look whether this machine can build, and say what would mend it",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			g, err := p.globalsOf(c)
			if err != nil {
				return err
			}
			opts, err := p.diagnosis(c, g)
			if err != nil {
				return err
			}
			return p.doctor(g, build.Diagnose(c.Context, opts))
		},
	}
}

// diagnosis is what there is to look at. Without a spec only the machine is.
func (p *program) diagnosis(c *cli.Context, g globals) (build.DiagnoseOptions, error) {
	opts := build.DiagnoseOptions{System: p.system, RequireSandbox: g.requireSandbox}
	spec, err := p.spec(g, pkgspec.UseBuild)
	var none *pkgspec.NotFoundError
	if err != nil && !errors.As(err, &none) {
		return opts, err
	}
	if spec != nil {
		opts.Git = spec.Version.Git != ""
		opts.Packages = project.Languages().Of(spec).SystemPackages(spec)
	}
	if opts.Cache, err = p.cacheRoot(); err != nil {
		return opts, err
	}
	var st *store.Store
	st, opts.CacheErr = project.OpenStore(c.Context, opts.Cache, p.now, func(build.Event) {})
	if opts.CacheErr == nil {
		opts.View = project.LocalViewPath(st)
		opts.CacheErr = st.Close()
	}
	return opts, nil
}

// doctorError says what is missing.
type doctorError struct {
	missing []build.Check
	apt     []string
}

func (e *doctorError) Error() string {
	var names []string
	for _, c := range e.missing {
		names = append(names, c.Name)
	}
	return "this machine can't build: " + strings.Join(names, ", ")
}

// Hint is the line that mends it, and what apt can't mend.
func (e *doctorError) Hint() string {
	var lines []string
	if len(e.apt) > 0 {
		lines = append(lines, aptLine(e.apt))
	}
	for _, c := range e.missing {
		if c.Hint != "" {
			lines = append(lines, c.Name+": "+c.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

func aptLine(packages []string) string {
	return "sudo apt-get install --no-install-recommends " + strings.Join(packages, " ")
}

// doctor shows the checks on stderr, or with --json on stdout, and fails if one
// of them lets nothing be built.
func (p *program) doctor(g globals, checks []build.Check) error {
	var fail doctorError
	var weak []string
	for _, c := range checks {
		switch c.State {
		case build.Missing:
			fail.missing = append(fail.missing, c)
			fail.apt = append(fail.apt, c.Apt...)
		case build.Weak:
			weak = append(weak, c.Apt...)
		}
	}
	fail.apt = slices.Compact(slices.Sorted(slices.Values(fail.apt)))
	err := error(nil)
	if len(fail.missing) > 0 {
		err = &fail
	}
	if g.json {
		return errors.Join(p.printJSON(map[string]any{"checks": checks, "able": err == nil}), err)
	}
	if g.quiet {
		return err
	}
	w := tabwriter.NewWriter(p.stderr, 0, 8, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.State, c.Name, oneLine(c.Detail))
		if c.State == build.Weak && c.Hint != "" {
			fmt.Fprintf(w, "\t\t%s\n", oneLine(c.Hint))
		}
	}
	if err == nil && len(weak) > 0 {
		fmt.Fprintf(w, "\t\t%s\n", aptLine(weak))
	}
	return errors.Join(w.Flush(), err)
}
