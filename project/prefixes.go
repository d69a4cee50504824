package project

import (
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/env/view"
)

// The directories of a view and of a package's prefix.
const (
	RuntimeDir = "runtime"
	BundleDir  = "local"
)

// Prefixes are the real prefixes of a view's two parts.
type Prefixes struct {
	Runtime string // of the interpreter
	Bundle  string // of the distributions
}

// PrefixesBelow puts both parts below one directory, as the local view has them.
func PrefixesBelow(dir string) Prefixes {
	return Prefixes{Runtime: filepath.Join(dir, RuntimeDir), Bundle: filepath.Join(dir, BundleDir)}
}

// Rewrites replace the prefixes of the build by the real ones.
func (p Prefixes) Rewrites() []view.Rewrite {
	return []view.Rewrite{{From: plan.RuntimePrefix, To: p.Runtime}, {From: plan.BundlePrefix, To: p.Bundle}}
}

// Relocate puts the real prefixes into a language's value.
func (p Prefixes) Relocate(value string) string {
	for _, rw := range p.Rewrites() {
		value = strings.ReplaceAll(value, rw.From, rw.To)
	}
	return value
}

// Locate returns where the file that a view has at path is to be.
func (p Prefixes) Locate(path string) string {
	if rest, ok := strings.CutPrefix(path, RuntimeDir); ok && (rest == "" || rest[0] == '/') {
		return p.Runtime + rest
	}
	return p.Bundle + strings.TrimPrefix(path, BundleDir)
}

// ViewDir is the directory of a view that has a step's output.
func ViewDir(s *plan.Step) string {
	if s.Kind == plan.Runtime {
		return RuntimeDir
	}
	return BundleDir
}
