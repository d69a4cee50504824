package build

import (
	"context"
	"os"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// Store is what a Builder keeps its work in. Each part is an interface of its own,
// so that a shared cache can stand behind one of them.
type Store interface {
	Outputs
	Actions
	Workspace
	History
	FactCache
}

// Outputs keeps trees by the ID of their content.
type Outputs interface {
	// PutOutput takes a directory over.
	PutOutput(ctx context.Context, dir string) (*store.Output, error)
	// Tree is where the tree of an output that is there stands.
	Tree(id digest.ID) string
}

// Actions keeps records of what keys led to.
type Actions interface {
	// PutAction returns the record that holds now.
	PutAction(ctx context.Context, a *store.Action) (*store.Action, error)
	// LookupAction fails with store.ErrMissing unless the record is there, and its
	// output whole.
	LookupAction(ctx context.Context, key digest.Key) (*store.Action, error)
	// RecordedAction doesn't look for the output.
	RecordedAction(key digest.Key) (*store.Action, error)
	// Sync makes what was put durable.
	Sync() error
}

// Workspace is room for steps that run.
type Workspace interface {
	// TempDir makes a directory on the file system of the outputs.
	TempDir(prefix string) (path string, remove func() error, err error)
	// Keep saves a directory of TempDir from removal.
	Keep(dir, name string) (path string, err error)
	CreateLog(key digest.Key) (*os.File, error)
	// Lock waits until nobody else holds the lock of that name.
	Lock(ctx context.Context, name string, onWait func()) (unlock func() error, waited bool, err error)
}

// History remembers what was built before: the keys that the steps of a project
// had in a target, by ID, and how long steps took.
type History interface {
	LastKeys(project, target string) map[string]digest.Key
	SetLastKeys(project, target string, keys map[string]digest.Key) error
	Duration(step, version string) time.Duration
}

// FactCache keeps small facts that were derived from something a digest names.
type FactCache interface {
	Fact(kind string, of digest.SHA256) ([]byte, bool)
	PutFact(kind string, of digest.SHA256, data []byte) error
}
