package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/deploy/tarball"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) tarCommand() *cli.Command {
	return &cli.Command{
		Name:  "tar",
		Usage: "build, and write a tarball that runs wherever it is unpacked",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "put the tarball into `DIR`", Value: "."},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.tarball(ctx, s.abs(c.String("o")), c.String("version"))
		}),
	}
}

// tarball makes the content of a package, for a prefix that is none, and writes
// it as a tarball.
func (s *session) tarball(ctx context.Context, dir, given string) (err error) {
	version, err := s.appVersion(ctx, given)
	if err != nil {
		return err
	}
	b, err := s.buildOutputs(ctx, buildOptions{})
	if err != nil {
		return err
	}
	date, err := s.sourceDate(b.lock)
	if err != nil {
		return err
	}
	staging, remove, err := s.store.TempDir("tarball")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	c := &packageContent{
		session: s, built: b, version: version,
		layout: inPlace(s.spec.App, tarball.Prefix), date: date, bundleDate: date, staging: filepath.Join(staging, "view"),
	}
	if err := s.makeView(ctx, b, viewRequest{dest: c.staging, places: c.layout.places, time: date}); err != nil {
		return err
	}
	entries, err := c.entries(ctx)
	if err != nil {
		return err
	}
	arch, err := shlibs.Arch(deb.ELFFiles(entries))
	if err != nil {
		return err
	}
	if arch == "" {
		arch = "all"
	}
	parts, err := c.parts(b)
	if err != nil {
		return err
	}
	sbom, err := c.sbomEntry(deb.Meta{Name: s.spec.Name, Version: version, Maintainer: s.spec.Maintainer}, parts, date)
	if err != nil {
		return err
	}
	sbom.Path = filepath.Join(tarball.Prefix, filepath.Base(sbom.Path))
	name := fmt.Sprintf("%s-%s-%s", s.spec.Name, version, arch)
	made, err := s.writeTarball(ctx, tarball.Request{
		Name: name, Entries: c.tarEntries(append(entries, sbom)), Tails: []string{"/" + runtimeFolder, "/" + bundleFolder}, Time: date,
	}, filepath.Join(dir, name+".tar.gz"))
	if err != nil {
		return err
	}
	return s.printPath(s.globals, made)
}

// tarEntries are a package's entries as a tarball takes them. It has an env.sh of
// its own, which knows that it can be moved.
func (c *packageContent) tarEntries(entries []deb.Entry) []tarball.Entry {
	var out []tarball.Entry
	for _, e := range entries {
		t := tarball.Entry{Path: e.Path, Mode: e.Mode, Source: e.Source, Content: e.Content, Shell: e.Path == c.layout.rc}
		switch {
		case e.Path == c.layout.script:
			continue
		case e.Type == deb.Dir:
			t.Mode |= os.ModeDir
			if e.Mode == 0 {
				t.Mode |= 0o755
			}
		case e.Type == deb.Link:
			t.Mode, t.Target = os.ModeSymlink, e.Target
		case e.Type == deb.Hardlink:
			t.Hardlink = e.Target
		case e.Mode == 0:
			t.Mode = 0o644
		}
		out = append(out, t)
	}
	return out
}

// writeTarball writes the tarball; until it is whole nothing has its name.
func (s *session) writeTarball(ctx context.Context, req tarball.Request, dest string) (_ string, err error) {
	start := s.now()
	s.emit(build.Event{Kind: build.PackageStarted, Name: filepath.Base(dest)})
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return "", err
	}
	f, err := atomicfile.CreateTemp(dest)
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.RemoveAll(f.Name())) // which has no such name any more if all went well
		}
	}()
	if err := tarball.Write(ctx, req, f); err != nil {
		if ctx.Err() != nil {
			return "", &build.InterruptedError{Cause: context.Cause(ctx)}
		}
		return "", fmt.Errorf("write %s: %w", filepath.Base(dest), err)
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return "", err
	}
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := atomicfile.Rename(f.Name(), dest); err != nil {
		return "", err
	}
	s.emit(build.Event{Kind: build.PackageDone, Name: filepath.Base(dest), Path: dest, Bytes: fi.Size(), Duration: s.now().Sub(start)})
	return dest, nil
}
