package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/digest"
)

// Local is the environment of a checkout.
type Local struct {
	Built
	// Path is that of the view.
	Path string
	Env  *env.Environment
}

// NotBuiltError says that the local environment would have to be built and must
// not be.
type NotBuiltError struct{}

func (NotBuiltError) Error() string {
	return "the environment is not built, and --no-build forbids to build it"
}

// Hint says how to build it.
func (NotBuiltError) Hint() string { return "run `envbuild build`, or leave out --no-build" }

// Local returns the local environment without a word if everything is there. Else
// it builds, or with noBuild fails with a NotBuiltError.
func (p *Project) Local(ctx context.Context, noBuild bool) (Local, error) {
	if l, ok := p.stamped(); ok {
		return l, nil
	}
	s, err := p.newStamp()
	if err != nil {
		return Local{}, err
	}
	l, err := p.findLocal(ctx, noBuild)
	if err != nil {
		return Local{}, err
	}
	return l, p.writeStamp(s, l.Built)
}

func (p *Project) findLocal(ctx context.Context, noBuild bool) (Local, error) {
	lock, err := p.FreshLock()
	if err != nil {
		return Local{}, err
	}
	b, ok, err := p.cached(ctx, lock)
	if err != nil {
		return Local{}, err
	}
	if _, there := p.Store.View(p.nameView(b)); ok && there {
		return p.useLocal(b)
	}
	if noBuild {
		return Local{}, NotBuiltError{}
	}
	return p.BuildLocal(ctx, BuildOptions{})
}

// BuildLocal builds and makes the local view, and links it from the project.
func (p *Project) BuildLocal(ctx context.Context, opts BuildOptions) (Local, error) {
	b, err := p.Build(ctx, opts)
	if err != nil {
		return Local{}, err
	}
	if path, there := p.Store.View(p.nameView(b)); !there {
		if err := p.makeView(ctx, b, viewRequest{Dest: path, Prefixes: p.prefixesBelow(path), Time: viewTime()}); err != nil {
			return Local{}, err
		}
	}
	return p.useLocal(b)
}

// useLocal links the view that the outputs have from the project, and notes that
// the project uses it.
func (p *Project) useLocal(b Built) (Local, error) {
	name := p.nameView(b)
	l := Local{Built: b, Path: p.Store.ViewPath(name)}
	var err error
	if l.Env, err = p.Environment(b, p.prefixesBelow(l.Path), p.Spec.Dir); err != nil {
		return Local{}, err
	}
	if err := p.linkView(l.Path); err != nil {
		return Local{}, err
	}
	return l, p.Store.SetRoot(storeRoot(p.Spec.Dir, name, b))
}

// LocalViewPath is where a store has local views: a path that is as long as all of
// them.
func LocalViewPath(st *store.Store) string {
	return st.ViewPath(digest.NewHasher("local view").SHA256().Short())
}

// nameView names a local view by what is in it. The name is short, since paths in
// the view are: a prefix of 64 bytes is all that some binary files can hold.
func (p *Project) nameView(b Built) string {
	h := digest.NewHasher("local view")
	h.Field("version", viewVersion)
	h.Field("store", p.Store.ViewPath("")) // files of the view name it: a store may be moved
	p.hashView(h, b, p.prefixesBelow("/"))
	return h.SHA256().Short()
}

// storeRoot is what the store keeps for a project.
func storeRoot(dir, view string, b Built) store.Root {
	root := store.Root{Project: dir, Views: []string{view}}
	for _, o := range b.Outputs {
		root.Outputs = append(root.Outputs, o.ID)
		root.Keys = append(root.Keys, o.Key)
		for _, src := range o.Step.Sources {
			root.Sources = append(root.Sources, src.SHA256)
		}
	}
	return root
}

// The files that envbuild writes into a checkout, relative to the spec.
const (
	// ViewLink is the symlink to the local view.
	ViewLink = ".envbuild"
	// RCFile and ScriptFile are those by which shells and direnv get the
	// environment.
	RCFile     = "config/env.rc"
	ScriptFile = "script/env.sh"
)

// linkView points the project's symlink at the view, in one rename.
func (p *Project) linkView(path string) error {
	link := p.path(ViewLink)
	if now, err := os.Readlink(link); err == nil && now == path {
		return nil
	}
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&os.ModeSymlink == 0 {
		return &UsageError{
			Message: p.display(link) + " already exists and is not a symlink",
			Help:    "move it; envbuild links the local environment there",
		}
	}
	// Others may do the same at the same time.
	temp := fmt.Sprintf("%s.new-%d", link, os.Getpid())
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// WriteEnvironment writes the files by which shells and direnv get the
// environment, unless a person wrote one of them: then neither.
func (p *Project) WriteEnvironment(l Local) error {
	rcPath, scriptPath := p.path(RCFile), p.path(ScriptFile)
	if err := errors.Join(env.CheckReplaceable(rcPath), env.CheckReplaceable(scriptPath)); err != nil {
		return err
	}
	rc, err := l.Env.RC(rcPath)
	if err != nil {
		return err
	}
	script, err := env.Script(rcPath)
	if err != nil {
		return err
	}
	return errors.Join(
		writeGenerated(rcPath, rc, 0o644),
		writeGenerated(scriptPath, script, env.ScriptPerm),
	)
}

func writeGenerated(path string, data []byte, perm os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return env.WriteGenerated(path, data, perm)
}
