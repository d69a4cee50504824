package deploy

import (
	"time"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// packageVersion is a package's whole version for a version of what is in it.
func packageVersion(p *project.Project, version string, revision int) (string, error) {
	release, err := p.System().Release()
	return deb.Version(version, revision, release.Codename), err
}

// dateDependencies returns what the dependencies in a package of that date
// carry: the newest date of the runtimes' archives, but never a later one. A date that
// came with each distribution would make all files others when one distribution
// is.
func dateDependencies(date time.Time, lock *pkgspec.Lock) time.Time {
	var made time.Time
	for _, ll := range lock.Languages {
		if ll.Runtime.Date.After(made) {
			made = ll.Runtime.Date
		}
	}
	if !made.IsZero() && made.Before(date) {
		return made
	}
	return date
}
