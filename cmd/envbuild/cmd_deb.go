package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

type debOptions struct {
	dir     string
	version string
}

func (p *program) debCommand() *cli.Command {
	return &cli.Command{
		Name:  "deb",
		Usage: "build and package",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "put the package into `DIR`", Value: "."},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
		},
		Action: p.with(pkgspec.UseDeb, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.deb(ctx, debOptions{dir: s.abs(c.String("o")), version: c.String("version")})
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
	version, err := s.appVersion(ctx, opts.version)
	if err != nil {
		return err
	}
	settings, err := deb.ReadSettings(s.spec.File, s.spec.Dir, s.spec.Package.Nfpm)
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
	staging, remove, err := s.store.TempDir("package")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	c := &packageContent{
		session: s, built: b, version: version,
		layout: newLayout(s.spec, s.spec.Package.Prefix), staging: filepath.Join(staging, "view"),
	}
	if err := s.makeView(ctx, b, viewRequest{dest: c.staging, prefix: c.layout.prefix, time: date}); err != nil {
		return err
	}
	req := deb.Request{Settings: settings, SourceDate: date}
	if req.Entries, err = c.entries(ctx); err != nil {
		return err
	}
	if err := c.checkHealth(ctx, req.Entries, settings); err != nil {
		return err
	}
	if req.Meta, err = c.meta(req.Entries); err != nil {
		return err
	}
	if err := c.addDocuments(&req, date); err != nil {
		return err
	}
	made, err := s.writeDeb(ctx, req, opts.dir)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string][]madePackage{"packages": {made}})
	}
	return s.println(made.Path)
}

// writeDeb writes the package; until it is whole nothing has its name.
func (s *session) writeDeb(ctx context.Context, req deb.Request, dir string) (made madePackage, err error) {
	start := s.now()
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
