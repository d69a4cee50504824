package lang

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// Locked is a lock and what the person should know of how it came about.
type Locked struct {
	Lock *pkgspec.Lock
	// Notices are whole sentences.
	Notices []string
}

// Lock locks all languages. Of the request it fills in what is a language's own:
// Inputs and Registries, which are those of Table.Registries.
func (t Table) Lock(ctx context.Context, req LockRequest, registries map[string][]Registry) (*Locked, error) {
	var err error
	if req.Inputs, err = t.Inputs(req.Spec, req.ReadFile); err != nil {
		return nil, err
	}
	out := &Locked{Lock: &pkgspec.Lock{Inputs: req.Inputs, Root: pkgspec.RootMachine}}
	unknown := map[string]int{}
	for _, l := range t {
		req.Registries = registries[l.Name()]
		res, err := l.Lock(ctx, req)
		if err != nil {
			return nil, err
		}
		out.Notices = append(out.Notices, res.Notices...)
		out.Lock.Languages = append(out.Lock.Languages, res.Pins)
		if res.Date.After(out.Lock.Date) {
			out.Lock.Date = res.Date
		}
		for _, name := range res.Unknown {
			unknown[name]++
		}
	}
	for _, name := range req.Update {
		if unknown[name] == len(t) {
			return nil, &UnknownUpdateError{Name: name}
		}
	}
	slices.SortFunc(out.Lock.Languages, func(a, b pkgspec.LanguageLock) int { return strings.Compare(a.Language, b.Language) })
	return out, nil
}

// UnknownUpdateError says that a name to update is nothing that the project needs.
type UnknownUpdateError struct{ Name string }

// Error names the name.
func (e *UnknownUpdateError) Error() string {
	return fmt.Sprintf("there is nothing to update: no distribution or module that the project needs is named %q", e.Name)
}

// Hint says what names are known.
func (e *UnknownUpdateError) Hint() string {
	return "names are those of " + pkgspec.LockName + "; what a runtime itself brings comes with the runtime"
}
