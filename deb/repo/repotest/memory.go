package repotest

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/digest"
)

// Memory is a storage in memory, without a lock: its publishers race as those of
// a bucket do. It is a repo.Lister too.
type Memory struct {
	now   func() time.Time
	mu    sync.Mutex
	files map[string]memoryFile
}

type memoryFile struct {
	data     []byte
	version  repo.Version
	modified time.Time
}

// NewMemory returns an empty storage. now is the clock of its files.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, files: map[string]memoryFile{}}
}

func checkName(ctx context.Context, op, name string) error {
	if !fs.ValidPath(name) || name == "." {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return context.Cause(ctx)
}

// Get implements repo.Storage.
func (m *Memory) Get(ctx context.Context, name string) (*repo.File, error) {
	if err := checkName(ctx, "get", name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "get", Path: name, Err: fs.ErrNotExist}
	}
	// Only a reader: so the ways of storages that give no ranges are tested too.
	body := io.NopCloser(io.MultiReader(bytes.NewReader(f.data)))
	return &repo.File{ReadCloser: body, Size: int64(len(f.data)), Version: f.version, Modified: f.modified}, nil
}

func (m *Memory) put(name string, data []byte) {
	now := m.now()
	m.files[name] = memoryFile{data, repo.Version(digest.Sum(append(data, now.String()...)).String()), now}
}

// Create implements repo.Storage.
func (m *Memory) Create(ctx context.Context, name string, content repo.Content) error {
	if err := checkName(ctx, "create", name); err != nil {
		return err
	}
	in, err := content.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if got := digest.Sum(data); got != content.SHA256 || int64(len(data)) != content.Size {
		return &repo.ContentError{Want: content.SHA256, Got: got}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; ok {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	m.put(name, data)
	return nil
}

// Replace implements repo.Storage.
func (m *Memory) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	if err := checkName(ctx, "replace", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if was != repo.Any && m.files[name].version != was {
		return repo.ErrChanged
	}
	m.put(name, slices.Clone(data))
	return nil
}

// Remove implements repo.Storage.
func (m *Memory) Remove(ctx context.Context, name string) error {
	if err := checkName(ctx, "remove", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

// List implements repo.Lister.
func (m *Memory) List(_ context.Context, prefix string) iter.Seq2[repo.Entry, error] {
	m.mu.Lock()
	files := maps.Clone(m.files)
	m.mu.Unlock()
	return func(yield func(repo.Entry, error) bool) {
		for name, f := range files {
			if strings.HasPrefix(name, prefix) && !yield(repo.Entry{Name: name, Size: int64(len(f.data)), Modified: f.modified}, nil) {
				return
			}
		}
	}
}
