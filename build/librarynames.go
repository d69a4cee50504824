package build

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
)

// libraryIndex remembers which file names of an output could be shared
// libraries, since every dependent of a runtime asks for the runtime's.
type libraryIndex struct {
	mu    sync.Mutex
	names map[string][]string // by tree
}

// libraryNames returns the names of files in the tree that look like shared
// libraries. Only outputs of the store, which don't change, are remembered.
func (b *Builder) libraryNames(tree string, remember bool) ([]string, error) {
	if !remember {
		return scanLibraries(tree)
	}
	b.libs.mu.Lock()
	defer b.libs.mu.Unlock()
	if names, ok := b.libs.names[tree]; ok {
		return names, nil
	}
	names, err := scanLibraries(tree)
	if err == nil {
		b.libs.names[tree] = names
	}
	return names, err
}

func scanLibraries(tree string) (names []string, err error) {
	err = filepath.WalkDir(tree, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".so") {
			names = append(names, d.Name())
		}
		return err
	})
	return names, err
}
