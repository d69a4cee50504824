package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

type debOptions struct {
	dir     string
	version string
	nfpm    bool
}

func (p *program) debCommand() *cli.Command {
	return &cli.Command{
		Name:  "deb",
		Usage: "build and package",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "put the package into `DIR`", Value: "."},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
			&cli.BoolFlag{Name: "nfpm", Usage: "let nfpm's own packager write the package (slower, larger on the disk)"},
		},
		Action: p.with(pkgspec.UseDeb, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.deb(ctx, debOptions{dir: s.abs(c.String("o")), version: c.String("version"), nfpm: c.Bool("nfpm")})
		}),
	}
}

// madePackage is a package as --json reports it.
type madePackage struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (s *session) deb(ctx context.Context, opts debOptions) error {
	made, err := s.makeDebs(ctx, opts)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string][]madePackage{"packages": made})
	}
	for _, m := range made {
		if err := s.println(m.Path); err != nil {
			return err
		}
	}
	return nil
}

// makeDebs builds and writes the project's packages.
func (s *session) makeDebs(ctx context.Context, opts debOptions) (all []madePackage, err error) {
	version, err := s.appVersion(ctx, opts.version)
	if err != nil {
		return nil, err
	}
	settings, err := deb.ReadSettings(s.spec.File, s.spec.Dir, s.spec.Package.Nfpm)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.checkServices(), s.checkFiles()); err != nil {
		return nil, err
	}
	if len(s.spec.Services) > 0 || s.spec.Package.Releases > 0 {
		if err := settings.CheckShell(); err != nil {
			return nil, err
		}
	}
	if err := settings.CheckCompressor(ctx); err != nil {
		return nil, err
	}
	full, err := s.packageVersion(version)
	if err != nil {
		return nil, err
	}
	var building buildOptions
	if !opts.nfpm {
		building.ahead = s.newAhead(settings, full)
	}
	b, err := s.buildOutputs(ctx, building)
	if err != nil {
		return nil, err
	}
	date, err := s.sourceDate(b.lock)
	if err != nil {
		return nil, err
	}
	c := &packageContent{
		session: s, built: b, version: version, date: date, bundleDate: dependenciesDate(date, b.lock),
	}
	if c.layout, err = s.newLayout(b, s.spec.Package.Prefix, full); err != nil {
		return nil, err
	}
	if err := c.addView(ctx); err != nil {
		return nil, err
	}
	requests, err := c.requests(ctx, settings)
	if err != nil {
		return nil, err
	}
	for _, req := range requests {
		req.Nfpm = opts.nfpm
		m, err := s.writeDeb(ctx, req, opts.dir)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// dependenciesDate is what the dependencies in a package of that date carry: the
// date of the runtime's archive, but never a later one. A date that came with each
// distribution would make all files others when one distribution is.
func dependenciesDate(date time.Time, lock *pkgspec.Lock) time.Time {
	if made := lock.Runtime.Date; !made.IsZero() && made.Before(date) {
		return made
	}
	return date
}

// requests are the packages to write: the project's, and that of a runtime of its
// own.
func (c *packageContent) requests(ctx context.Context, settings *deb.Settings) ([]deb.Request, error) {
	project, err := c.request(ctx, settings)
	if err != nil || c.layout.shared == nil {
		return []deb.Request{project}, err
	}
	project.Triggers.Interest = []string{c.layout.shared.trigger()}
	runtime, err := c.runtimeRequest(ctx)
	return []deb.Request{project, runtime}, err
}

// request is the project's package.
func (c *packageContent) request(ctx context.Context, settings *deb.Settings) (deb.Request, error) {
	req := deb.Request{Settings: settings, SourceDate: c.date}
	if err := c.makeServices(); err != nil {
		return req, err
	}
	entries, err := c.entries(ctx)
	if err != nil {
		return req, err
	}
	if err := settings.CheckSize(entries); err != nil {
		return req, err
	}
	if err := c.checkHealth(ctx, entries, settings); err != nil {
		return req, err
	}
	if req.Meta, err = c.meta(entries); err != nil {
		return req, err
	}
	req.Entries = c.layout.packaged(entries)
	if err := c.addDocuments(&req, func(p report.Part) bool { return !p.Runtime || c.layout.shared == nil }); err != nil {
		return req, err
	}
	req.Scripts, err = c.scripts()
	return req, err
}

// writeDeb writes the package; until it is whole nothing has its name.
func (s *session) writeDeb(ctx context.Context, req deb.Request, dir string) (made madePackage, err error) {
	start := s.now()
	req, remove, err := s.writing(req)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	name := deb.FileName(req.Meta)
	s.emit(build.Event{Kind: build.PackageStarted, Name: name})
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return made, err
	}
	f, err := atomicfile.CreateTemp(filepath.Join(dir, name))
	if err != nil {
		return made, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.RemoveAll(f.Name())) // which has no such name any more if all went well
		}
	}()
	if err := writeSynced(ctx, req, f); err != nil {
		return made, fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return made, err
	}
	sum, size, err := digest.SumReader(f)
	if err != nil {
		return made, err
	}
	made = madePackage{Path: filepath.Join(dir, name), Size: size, SHA256: sum.String()}
	if err := atomicfile.Rename(f.Name(), made.Path); err != nil {
		return made, err
	}
	s.emit(build.Event{Kind: build.PackageDone, Name: name, Path: made.Path, Bytes: size, Duration: s.now().Sub(start)})
	return made, nil
}

func writeSynced(ctx context.Context, req deb.Request, f *os.File) error {
	if err := deb.Write(ctx, req, f); err != nil {
		if ctx.Err() != nil {
			err = &build.InterruptedError{Cause: context.Cause(ctx)}
		}
		return err
	}
	return errors.Join(f.Chmod(0o644), f.Sync())
}

// outputID gives the ID of a step's output, for the manifest.
func (b built) outputID(language, name string) string {
	for _, o := range b.outputs {
		if o.Step.Name == name || o.Step.Kind == plan.Runtime && name == language {
			return o.ID.String()
		}
	}
	return ""
}
