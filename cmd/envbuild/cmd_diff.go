package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what changed between two packages, locks or published versions",
		UsageText: "envbuild diff [--target TARGET] A B",
		Description: "A and B are files: packages or locks. What is not a file but begins with a digit is a version\n" +
			"of the project's package in a repository that the spec publishes to.",
		Flags: []cli.Flag{&cli.StringFlag{Name: targetFlag, Usage: "look for versions in `TARGET` of the spec's publish; needed if it has several"}},
		Action: func(c *cli.Context) error {
			g, err := p.globalsOf(c)
			if err != nil {
				return err
			}
			if c.NArg() != 2 {
				return &usageError{message: "diff takes two packages, locks or published versions", hint: "envbuild diff old.deb new.deb"}
			}
			sides, err := p.snapshots(c)
			if err != nil {
				return err
			}
			changes := report.Diff(sides[0], sides[1])
			if g.json {
				return p.printJSON(map[string][]report.Change{"changes": changes})
			}
			return p.printChanges(changes)
		},
	}
}

// snapshots reads both sides: files, or packages that were published, for which
// the target is opened once.
func (p *program) snapshots(c *cli.Context) (sides [2]report.Snapshot, err error) {
	var published [2]string
	for i, name := range c.Args().Slice() {
		sides[i], err = report.ReadSnapshot(p.abs(name), p.packageReader())
		switch {
		case notExist(err) && startsWithDigit(name) && !strings.ContainsAny(name, "/\\"):
			published[i] = name
		case err != nil:
			return sides, err
		}
	}
	if published == [2]string{} {
		return sides, nil
	}
	return sides, p.with(pkgspec.UsePublish, func(ctx context.Context, c *cli.Context, s *session) (err error) {
		t, r, done, err := s.openTarget(ctx, c.String(targetFlag))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		opened, err := r.Open(ctx)
		if err != nil {
			return err
		}
		for i, version := range published {
			if version == "" {
				continue
			}
			if sides[i], err = s.publishedSnapshot(ctx, t, r, opened, version); err != nil {
				return err
			}
		}
		return nil
	})(c)
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// publishedSnapshot reads a version of the project's package from a repository.
func (s *session) publishedSnapshot(ctx context.Context, t pkgspec.PublishTarget, r *managed.Repository, opened *repo.Repository, version string) (out report.Snapshot, err error) {
	arch, err := deb.Arch(runtime.GOARCH)
	if err != nil {
		return out, err
	}
	found, err := opened.Find(ctx, t.Distribution, s.spec.Name, version, arch)
	if err != nil {
		return out, err
	}
	if found == nil {
		return out, &usageError{
			message: fmt.Sprintf("%s has no %s %s for %s, and there is no such file", t.Name, s.spec.Name, version, arch),
			hint:    "`envbuild repo ls --target " + t.Name + "` lists what it has",
		}
	}
	f, err := r.Storage.Get(ctx, found.File)
	if err != nil {
		return out, err
	}
	out, err = report.PackageSnapshot(f, s.packageReader())
	if err := errors.Join(err, f.Close()); err != nil {
		return out, fmt.Errorf("%s: %w", r.Storage.Location(found.File), err)
	}
	return out, nil
}

// tableRows is about how many lines of changes are shown; --json has all.
const tableRows = 60

func (p *program) printChanges(changes []report.Change) error {
	if len(changes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAME\tA\tB")
	for _, c := range report.Fold(changes, tableRows) {
		old, is := c.Old, c.New
		if old == "" {
			old = "-"
		}
		if is == "" {
			is = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Kind, oneLine(c.Name), oneLine(old), oneLine(is))
	}
	return w.Flush()
}

// oneLine makes a cell of a table of what a file says.
func oneLine(s string) string {
	return string(bytes.Join(bytes.Fields([]byte(s)), []byte(" ")))
}
