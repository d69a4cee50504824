package deploy

import (
	"bytes"
	"compress/gzip"
	"errors"
	"path/filepath"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/templates"
)

// addRelease adds what a package with several releases has more: the symlink to
// the bundle, the check of the release, the command, and its manual page. It makes
// the maintainer scripts, too.
func (t *Tree) addRelease(in TreeInput) error {
	var parts release.Parts
	reload := ""
	if len(in.Spec.Services) > 0 {
		// The part of a shell script that makes the services run what is current.
		reload = filepath.Join(t.layout.Prefix, "services.sh") + " deploy"
	}
	if r := t.layout.release; r != nil {
		entries, err := releaseEntries(r, reload, t)
		if err != nil {
			return err
		}
		t.project = append(t.project, entries...)
		if parts, err = r.Parts(); err != nil {
			return err
		}
	}
	triggered, err := t.renderTriggered(in.Spec.Name, reload)
	if err != nil {
		return err
	}
	svc := t.services.Scripts
	t.scripts = deb.Scripts{
		PreInst:  svc.PreInst + parts.Aside,
		PostInst: svc.Prepare + parts.Place + svc.Activate + triggered + parts.Collect,
		PreRm:    svc.PreRm + parts.Withdraw,
		PostRm:   svc.PostRm + parts.Undo,
	}
	return nil
}

// renderTriggered is what the postinst does when the package of the runtime has
// changed.
func (t *Tree) renderTriggered(name, reload string) (string, error) {
	if t.layout.shared == nil || reload == "" {
		return "", nil
	}
	text, err := templates.Render(templates.RuntimeTriggered, struct{ Package, Reload string }{name, reload})
	return string(text), err
}

func releaseEntries(r *release.Release, reload string, t *Tree) ([]tree.Entry, error) {
	command, err := r.Script(reload)
	if err != nil {
		return nil, err
	}
	check, err := r.Check()
	if err != nil {
		return nil, err
	}
	manual, err := r.Manual(t.date)
	if err != nil {
		return nil, err
	}
	page, err := compressManual(manual)
	at, target := r.BundleLink()
	return []tree.Entry{
		{Path: at, Kind: tree.Symlink, Target: target},
		{Path: r.CheckPath(), Content: check, Mode: 0o755},
		{Path: r.CommandPath(), Content: command, Mode: 0o755},
		{Path: r.ManualPath(), Content: page, Mode: 0o644},
	}, err
}

// compressManual is gzip -9n, as policy 12.1 asks of manual pages.
func compressManual(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(text)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}
