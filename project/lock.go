package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/pkgspec"
)

// LockError says that the lock is missing or stale.
type LockError struct {
	Path    string
	Reasons []string // empty: there is no lock
}

func (e *LockError) Error() string {
	if len(e.Reasons) == 0 {
		return e.Path + " is missing"
	}
	return e.Path + " is stale: " + strings.Join(e.Reasons, "; ")
}

// Hint says how to get a new one.
func (e *LockError) Hint() string { return "run `envbuild lock` and commit the result" }

// LockPath is the absolute path of the lock.
func (p *Project) LockPath() string { return p.path(pkgspec.LockName) }

// readFile reads a file of the project by its path relative to the spec.
func (p *Project) readFile(name string) ([]byte, error) { return os.ReadFile(p.path(name)) }

// readLock reads the lock, or returns nil if there is none.
func (p *Project) readLock() (*pkgspec.Lock, error) {
	data, err := os.ReadFile(p.LockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pkgspec.ParseLock(p.display(p.LockPath()), data)
}

// FreshLock reads the lock and fails with a *LockError if there is none or if what
// it was resolved from has changed since.
func (p *Project) FreshLock() (*pkgspec.Lock, error) {
	lock, err := p.readLock()
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, &LockError{Path: p.display(p.LockPath())}
	}
	now, err := p.languages.Inputs(p.Spec, p.readFile)
	if err != nil {
		return nil, err
	}
	reasons := lock.Stale(now)
	for _, l := range p.languages {
		if lock.Language(l.Name()).Runtime.Version == "" { // as a merge by hand may leave it
			reasons = append(reasons, "it pins no "+l.Name())
		}
	}
	for _, ll := range lock.Languages {
		if p.languages.Language(ll.Language) == nil {
			reasons = append(reasons, "it pins "+ll.Language+", which "+pkgspec.SpecName+" doesn't have")
		}
	}
	if len(reasons) > 0 {
		return nil, &LockError{Path: p.display(p.LockPath()), Reasons: reasons}
	}
	return lock, nil
}

// Lock resolves the spec's constraints and writes the lock, unless it says the
// same already. update names distributions or modules that are to be resolved
// anew.
func (p *Project) Lock(ctx context.Context, update []string) error {
	previous, err := p.readLock()
	var broken *pkgspec.Error
	if errors.As(err, &broken) {
		// A lock that can't be read, such as one with a merge conflict, is replaced.
		p.Emit(build.Event{Kind: build.Warning, Message: err.Error() + "; resolving everything anew"})
	} else if err != nil {
		return err
	}
	res, err := p.languages.Lock(ctx, lang.LockRequest{
		Spec: p.Spec, Previous: previous, Update: update,
		ReadFile: p.readFile, Sources: lockSources{p}, Evaluate: p.evaluate,
	}, p.registries)
	if err != nil {
		return interrupted(ctx, err)
	}
	for _, n := range res.Notices {
		p.Notice(n)
	}
	if err := p.writeLock(previous, res.Lock); err != nil {
		return err
	}
	p.Notice(lockSummary(previous, res.Lock))
	return nil
}

// writeLock writes the lock unless its file says the same in the format of today.
func (p *Project) writeLock(was, is *pkgspec.Lock) error {
	if was != nil && bytes.Equal(was.Encode(), is.Encode()) {
		if data, err := os.ReadFile(p.LockPath()); err == nil && pkgspec.IsCurrentLock(data) {
			return nil
		}
	}
	return atomicfile.Write(p.LockPath(), is.Encode(), 0o644)
}

// lockSummary says in one sentence what a lock changed.
func lockSummary(was, is *pkgspec.Lock) string {
	var totals []string
	for _, ll := range is.Languages {
		total := fmt.Sprintf("%s %s and %d distributions", ll.Language, ll.Runtime.Version, len(ll.Distributions))
		if len(ll.Distributions) == 1 {
			total = strings.TrimSuffix(total, "s")
		}
		totals = append(totals, total)
	}
	total := strings.Join(totals, ", ")
	if was == nil {
		return "locked " + total
	}
	var changes []string
	for _, ll := range is.Languages {
		changes = append(changes, lockChanges(was.Language(ll.Language), ll)...)
	}
	for _, ll := range was.Languages {
		if is.Language(ll.Language).Runtime.Version == "" {
			changes = append(changes, "-"+ll.Language+" "+ll.Runtime.Version)
		}
	}
	if len(changes) == 0 {
		return "locked " + total + ", as before"
	}
	return "locked " + total + ": " + strings.Join(changes, ", ")
}

// lockChanges lists what differs in clauses: what is new or has another version,
// in the order of the lock, then what is gone.
func lockChanges(was, is pkgspec.LanguageLock) []string {
	old := map[string]pkgspec.Pin{}
	for _, pin := range was.Distributions {
		old[pin.ID] = pin
	}
	var changes []string
	switch {
	case was.Runtime.Version == "":
		changes = append(changes, "+"+is.Language+" "+is.Runtime.Version)
	case was.Runtime.Version != is.Runtime.Version:
		changes = append(changes, fmt.Sprintf("%s %s → %s", is.Language, was.Runtime.Version, is.Runtime.Version))
	}
	for _, pin := range is.Distributions {
		o, ok := old[pin.ID]
		delete(old, pin.ID)
		switch {
		case !ok:
			changes = append(changes, "+"+pin.Name+" "+pin.Version)
		case o.Version != pin.Version:
			changes = append(changes, fmt.Sprintf("%s %s → %s", pin.Name, o.Version, pin.Version))
		case !reflect.DeepEqual(o.Sources, pin.Sources):
			changes = append(changes, pin.Name+" "+pin.Version+" has other bytes")
		}
	}
	for _, pin := range was.Distributions {
		if _, gone := old[pin.ID]; gone {
			changes = append(changes, "-"+pin.Name+" "+pin.Version)
		}
	}
	return changes
}

// SourceDate is the time that everything in a package carries: SOURCE_DATE_EPOCH
// (reproducible-builds.org), else the date that the lock records.
func (p *Project) SourceDate(lock *pkgspec.Lock) (time.Time, error) {
	epoch := p.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return lock.Date, nil
	}
	var seconds int64
	if _, err := fmt.Sscanf(epoch+"\n", "%d\n", &seconds); err != nil || seconds < 0 {
		return time.Time{}, &UsageError{
			Message: fmt.Sprintf("SOURCE_DATE_EPOCH is %q, not a number of seconds since 1970", epoch),
			Help:    "unset it to use the date that the lock records",
		}
	}
	return time.Unix(seconds, 0).UTC(), nil
}
