package deploy

import (
	"context"
	"fmt"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/project"
)

// runtimePackage is a runtime that is a package of its own, which projects share.
// Its name says which compiled distributions fit it, so that an upgrade always
// fits, and its bytes depend on the runtime section of the spec alone.
type runtimePackage struct {
	name     string
	version  string // the package's whole version
	prefix   string
	build    string // the prefix of its steps
	language string
	release  string // of the language
}

// newRuntimePackage describes the package of the runtime among the outputs; nil if
// the project's package holds the runtime.
func newRuntimePackage(p *project.Project, b project.Built) (*runtimePackage, error) {
	shared := p.Spec.SharedRuntime()
	if shared == nil {
		return nil, nil
	}
	packager, ok := p.Languages().Language(shared.Language).(lang.RuntimePackager)
	if !ok {
		return nil, p.Spec.ErrorAt(fmt.Sprintf("the runtime of %s can't be a package of its own", shared.Language), "write as: bundled", shared.Path("as")...)
	}
	r := &runtimePackage{language: shared.Language, release: b.Lock.Language(shared.Language).Runtime.Version, prefix: shared.Prefix}
	var dir string
	for _, o := range b.Outputs {
		if o.Step.Kind == plan.Runtime && o.Step.Language == shared.Language {
			dir, r.build = o.Tree, o.Step.Prefix
		}
	}
	abi, err := packager.RuntimeABI(dir)
	if err != nil {
		return nil, err
	}
	r.name = "envbuild-" + r.language + "-" + abi.Series + "-" + hashABI(abi, r.prefix)
	if r.prefix == "" {
		r.prefix = "/opt/" + r.name
	}
	r.version, err = packageVersion(p, r.release, shared.Revision)
	return r, err
}

// hashABI names what compiled distributions rely on. A prefix that the spec chose
// is part of it: they have that path inside, so they don't fit the same runtime
// elsewhere.
func hashABI(abi lang.RuntimeABI, prefix string) string {
	h := digest.NewHasher("runtime ABI")
	h.Field("settings", abi.Settings...)
	h.Field("prefix", prefix)
	return h.SHA256().Short()[:8]
}

// trigger is what the package activates when it changes, and what packages that
// use it wait for.
func (r *runtimePackage) trigger() string { return r.name }

// relation is what a package that was built with this one depends on.
func (r *runtimePackage) relation() string { return r.name + " (>= " + r.version + ")" }

// meta is what the package's control file says, but for what its files tell.
func (r *runtimePackage) meta(maintainer string) deb.Meta {
	return deb.Meta{
		Name: r.name, Version: r.version, Maintainer: maintainer, Section: "interpreters",
		Description: fmt.Sprintf("%s %s for packages made by envbuild\n"+
			"Applications that were packaged with this %s depend on it. It stands in\n%s and is in no search path of the system.\n\n"+
			"The name says which compiled modules fit: a package of that name can be\nupgraded without those that depend on it.",
			r.language, r.release, r.language, r.prefix),
	}
}

// runtimeRequest is the package of the runtime. Its compression is the default,
// whatever the project's own package has: all projects with that runtime make the
// same bytes.
func runtimeRequest(ctx context.Context, p *project.Project, t *Tree) (deb.Request, error) {
	r := t.layout.shared
	req := deb.Request{
		Meta: r.meta(p.Spec.SharedRuntime().Maintainer), Entries: t.Runtime(), SourceDate: t.dependenciesDate,
		Triggers: deb.Triggers{Activate: []string{r.trigger()}},
	}
	if err := checkRuntimeHealth(ctx, p, t); err != nil {
		return req, err
	}
	if err := addLibraries(&req.Meta, p.System(), req.Entries); err != nil {
		return req, err
	}
	return req, addDocuments(&req, t, partsOf(t.parts, r.language, true))
}
