package deb

import (
	"slices"

	"github.com/goreleaser/nfpm/v2"
)

// Triggers are names of dpkg's triggers (deb-triggers(5)): no package waits until
// they were processed.
type Triggers struct {
	// Interest lists those that run "postinst triggered" of this package.
	Interest []string
	// Activate lists those that a change of this package's state activates.
	Activate []string
}

// addTo puts the triggers before those that the spec gives.
func (t Triggers) addTo(info *nfpm.Info) {
	info.Deb.Triggers.InterestNoAwait = slices.Concat(t.Interest, info.Deb.Triggers.InterestNoAwait)
	info.Deb.Triggers.ActivateNoAwait = slices.Concat(t.Activate, info.Deb.Triggers.ActivateNoAwait)
}
