package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/pkgspec"
)

type publishOptions struct {
	to, version string
	debs        []string
}

func (p *program) publishCommand() *cli.Command {
	return &cli.Command{
		Name:      "publish",
		Usage:     "put packages into an apt repository; already there with the same bytes is success",
		UsageText: "envbuild publish [--to TARGET] [DEB…]",
		Description: "Without DEB… the packages are made first, as `envbuild deb` makes them.\n" +
			"stdout has one line for each package: where it is.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "publish to the spec's `TARGET`; needed if it has several"},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
		},
		Action: p.with(pkgspec.UsePublish, func(ctx context.Context, c *cli.Context, s *session) error {
			opts := publishOptions{to: c.String("to"), version: c.String("version"), debs: c.Args().Slice()}
			if len(opts.debs) > 0 && c.IsSet("version") {
				return &usageError{message: "--version says what packages to make, but some are named", hint: "leave one of the two out"}
			}
			return s.publish(ctx, opts)
		}),
	}
}

// publishedPackage is a package as --json reports it.
type publishedPackage struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Arch     string `json:"arch"`
	File     string `json:"file"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Location string `json:"location"`
	Already  bool   `json:"already"`
}

func (s *session) publish(ctx context.Context, opts publishOptions) error {
	spec, err := s.publishTo(opts.to)
	if err != nil {
		return err
	}
	if len(opts.debs) == 0 {
		// Before everything is built: a key that is missing, a host that can't be had.
		_, done, err := s.target(ctx, spec)
		if err == nil {
			err = done()
		}
		if err != nil {
			return interrupted(ctx, err)
		}
	}
	packages, remove, err := s.publishPackages(ctx, opts)
	if err != nil {
		return err
	}
	defer remove()
	target, done, err := s.target(ctx, spec)
	if err != nil {
		return interrupted(ctx, err)
	}
	published, err := target.Publish(ctx, packages)
	// What was published is said even if the rest failed.
	return errors.Join(interrupted(ctx, err), s.printPublished(spec.Name, published), done())
}

// interrupted makes an error of a context that a signal ended.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	return err
}

// publishTo chooses the target.
func (s *session) publishTo(name string) (pkgspec.PublishTarget, error) {
	var names []string
	for _, t := range s.spec.Publish {
		if t.Name == name || name == "" && len(s.spec.Publish) == 1 {
			return t, nil
		}
		names = append(names, t.Name)
	}
	if name == "" {
		return pkgspec.PublishTarget{}, &usageError{message: "the spec has several targets: " + strings.Join(names, ", "), hint: "choose one: --to " + names[0]}
	}
	return pkgspec.PublishTarget{}, &usageError{message: fmt.Sprintf("the spec has no target %q", name), hint: "it has " + strings.Join(names, ", ")}
}

// publishPackages reads the packages that are named, or makes the project's own,
// which remove removes.
func (s *session) publishPackages(ctx context.Context, opts publishOptions) (packages []publish.Package, remove func(), err error) {
	remove = func() {}
	paths := opts.debs
	if len(paths) == 0 {
		var dir string
		if dir, remove, err = s.makeToPublish(); err != nil {
			return nil, nil, err
		}
		made, err := deploy.Debs(ctx, s.Project, deploy.DebOptions{Dir: dir, Version: opts.version})
		if err != nil {
			remove()
			return nil, nil, err
		}
		for _, m := range made {
			paths = append(paths, m.Path)
		}
	}
	for _, path := range paths {
		p, err := publish.Read(s.abs(path), s.xz())
		if err != nil {
			remove()
			return nil, nil, err
		}
		packages = append(packages, p)
	}
	return packages, remove, nil
}

// makeToPublish is a folder for packages that are made to be published alone.
func (s *session) makeToPublish() (dir string, remove func(), err error) {
	if errs := s.spec.Incomplete(pkgspec.UseDeb); len(errs) > 0 {
		return "", nil, errs
	}
	dir, done, err := s.Store.TempDir("publish")
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		if err := done(); err != nil {
			s.emit(build.Event{Kind: build.Warning, Message: err.Error()})
		}
	}, nil
}

// printPublished prints where packages are, one a line.
func (s *session) printPublished(target string, published []publish.Published) error {
	list := make([]publishedPackage, len(published))
	for i, p := range published {
		list[i] = publishedPackage{
			Name: p.Name, Version: p.Version, Arch: p.Arch, File: p.File(),
			Size: p.Size, SHA256: p.SHA256.String(), Location: p.Location, Already: p.Already,
		}
		if p.Already {
			s.emit(build.Event{Kind: build.Notice, Message: p.File() + " was there already, with the same bytes"})
		}
	}
	if s.json {
		return s.printJSON(map[string]any{"target": target, "packages": list})
	}
	for _, p := range list {
		if err := s.println(p.Location); err != nil {
			return err
		}
	}
	return nil
}
