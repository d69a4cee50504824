package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

type buildOptions struct {
	rebuild    []string
	keepFailed bool
	ahead      *ahead     // or nil
	emit       build.Emit // nil is the session's
}

func (p *program) buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "build the environment, link it into the project, and write config/env.rc and script/env.sh",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "rebuild", Usage: "run the step `NAME` even if the store has its output"},
			&cli.BoolFlag{Name: "keep-failed", Usage: "keep what a failed step leaves"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			local, err := s.buildLocal(ctx, buildOptions{rebuild: c.StringSlice("rebuild"), keepFailed: c.Bool("keep-failed")})
			if err != nil {
				return err
			}
			if err := s.writeEnvironment(local); err != nil {
				return err
			}
			return s.printPath(s.globals, local.path)
		}),
	}
}

// built is a lock with the outputs that its steps led to.
type built struct {
	lock    *pkgspec.Lock
	outputs []build.StepOutput
}

// local is the environment of a checkout.
type local struct {
	built
	path string // of the view
	env  *env.Environment
}

// buildOutputs builds what the lock pins.
func (s *session) buildOutputs(ctx context.Context, opts buildOptions) (built, error) {
	if err := s.checkEnv(); err != nil {
		return built{}, err
	}
	lock, err := s.freshLock()
	if err != nil {
		return built{}, err
	}
	g, err := s.graph(lock)
	if err != nil {
		return built{}, err
	}
	for _, name := range opts.rebuild {
		if g.Step(name) == nil {
			return built{}, &usageError{message: "--rebuild: the lock has no distribution " + name, hint: "`envbuild plan` lists the steps"}
		}
	}
	emit, stop := opts.ahead.follow(ctx, lock, g)
	defer stop()
	opts.emit = emit
	b, err := s.builder(ctx, lock, opts)
	if err != nil {
		return built{}, err
	}
	start := s.now()
	res, err := b.Build(ctx, g)
	end := build.Event{Kind: build.Finished, Total: len(g.Steps()), Duration: s.now().Sub(start)}
	if res != nil {
		end.Cached, end.Built, end.Failed = res.Cached, res.Built, res.Failed
	}
	var interrupted *build.InterruptedError
	switch {
	case errors.As(err, &interrupted):
		end.Message = "interrupted"
	case err != nil:
		end.Message = "failed"
	}
	s.emit(end)
	if err != nil {
		return built{}, err
	}
	return built{lock: lock, outputs: res.Outputs}, nil
}

// buildLocal builds and makes the local view, and links it from the project.
func (s *session) buildLocal(ctx context.Context, opts buildOptions) (local, error) {
	b, err := s.buildOutputs(ctx, opts)
	if err != nil {
		return local{}, err
	}
	if path, there := s.store.View(localViewName(b)); !there {
		if err := s.makeView(ctx, b, viewRequest{dest: path, places: below(path), time: localViewTime()}); err != nil {
			return local{}, err
		}
	}
	return s.useLocal(b)
}

// useLocal links the view that the outputs have from the project, and notes that
// the project uses it.
func (s *session) useLocal(b built) (local, error) {
	name := localViewName(b)
	l := local{built: b, path: s.store.ViewPath(name)}
	var err error
	if l.env, err = s.environment(below(l.path), s.spec.Dir); err != nil {
		return local{}, err
	}
	if err := s.linkView(l.path); err != nil {
		return local{}, err
	}
	return l, s.store.SetRoot(projectRoot(s.spec.Dir, name, b))
}

// localViewTime is what files of local views carry: make and friends only want
// it to be old.
func localViewTime() time.Time { return time.Unix(1, 0).UTC() }

// viewVersion changes when views of the same outputs come out differently.
const viewVersion = "1"

// localViewName names a view by what is in it. It is short, since paths in the
// view are: a prefix of 64 bytes is all that some binary files can hold.
func localViewName(b built) string {
	h := digest.NewHasher("local view")
	h.Field("version", viewVersion)
	for _, o := range b.outputs {
		h.Field(string(o.Step.Kind), o.Step.Name, o.ID.String())
	}
	return h.SHA256().Short()
}

func projectRoot(dir, view string, b built) store.Root {
	root := store.Root{Project: dir, Views: []string{view}}
	for _, o := range b.outputs {
		root.Outputs = append(root.Outputs, o.ID)
		root.Keys = append(root.Keys, o.Key)
		for _, src := range o.Step.Sources {
			root.Sources = append(root.Sources, src.SHA256)
		}
	}
	return root
}

// viewLink is the project's link to its local view.
const viewLink = ".envbuild"

// linkView points the project's link at the view, in one rename.
func (s *session) linkView(path string) error {
	link := filepath.Join(s.spec.Dir, viewLink)
	if now, err := os.Readlink(link); err == nil && now == path {
		return nil
	}
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&os.ModeSymlink == 0 {
		return &usageError{message: s.display(link) + " is in the way: it is no link", hint: "move it; envbuild links the local environment there"}
	}
	// Others may do the same at the same time.
	temp := fmt.Sprintf("%s.new-%d", link, os.Getpid())
	if err := os.Remove(temp); err != nil && !notExist(err) {
		return err
	}
	if err := os.Symlink(path, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, link); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// writeEnvironment writes the files by which shells and direnv get the
// environment, unless a person wrote one of them: then neither.
func (s *session) writeEnvironment(l local) error {
	rcPath, scriptPath := filepath.Join(s.spec.Dir, "config", "env.rc"), filepath.Join(s.spec.Dir, "script", "env.sh")
	if err := errors.Join(env.CheckReplaceable(rcPath), env.CheckReplaceable(scriptPath)); err != nil {
		return err
	}
	rc, err := l.env.RC(rcPath)
	if err != nil {
		return err
	}
	script, err := env.Script(rcPath)
	if err != nil {
		return err
	}
	return errors.Join(
		s.writeGenerated(rcPath, rc, 0o644),
		s.writeGenerated(scriptPath, script, env.ScriptPerm),
	)
}

func (s *session) writeGenerated(path string, data []byte, perm os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return env.WriteGenerated(path, data, perm)
}

// find returns the step that a person means by a name: a distribution, with or
// without its version, or a module of it.
func findStep(g *plan.Graph, lock *pkgspec.Lock, name string) (*plan.Step, error) {
	for _, s := range g.Steps() {
		if s.Name == name || s.Name+"-"+s.Version == name {
			return s, nil
		}
	}
	for _, pin := range lock.Distributions {
		for _, m := range pin.Provides {
			if m.Name == name {
				return g.Step(pin.Name), nil
			}
		}
	}
	return nil, &usageError{message: "the lock has no distribution or module " + name, hint: "`envbuild plan` lists the steps"}
}
