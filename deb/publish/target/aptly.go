package target

import (
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/aptly"
	"github.com/envbuild/envbuild/pkgspec"
)

// aptlyKind is a server that aptly's API runs on.
func aptlyKind() kind {
	return kind{name: pkgspec.AptlyTarget{}.Kind(), server: func(o *opening) (publish.Target, error) {
		t, key := o.Where.(pkgspec.AptlyTarget), ""
		if len(o.Sign) > 0 {
			key = o.Sign[0].GPG
		}
		return aptly.New(aptly.Options{
			Name: o.Name, URL: t.URL, Repo: t.Repo, Prefix: t.Prefix, Distribution: o.Distribution,
			GPGKey: key, Unsigned: t.Unsigned, Variables: o.variables(), Getenv: o.Getenv, Report: o.Report,
		})
	}}
}
