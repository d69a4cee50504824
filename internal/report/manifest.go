// Package report says what is inside an environment and why: the manifest that
// packages carry.
package report

import (
	"bytes"
	"encoding/json"

	"github.com/envbuild/envbuild/pkgspec"
)

// ManifestFormat names the format of manifests.
const ManifestFormat = "envbuild-manifest-1"

// Manifest says what a package is made of. The same lock and application give
// the same manifest, byte for byte.
type Manifest struct {
	Format string `json:"format"`
	// Name and Version are the package's.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Spec is the digest of the spec's file.
	Spec string `json:"spec,omitempty"`
	// Commit is git's name of the application's commit, where the version comes from
	// git.
	Commit string `json:"commit,omitempty"`
	// Lock is the digest of the lock that pinned everything.
	Lock          string      `json:"lock"`
	Runtime       Component   `json:"runtime"`
	Distributions []Component `json:"distributions"`
}

// Component is one part of an environment and the archive that it was built
// from.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Source is the archive's path below a mirror of the language's network.
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	// Output is the ID of the tree that was built from it.
	Output string `json:"output"`
}

// NewManifest describes a lock's content. output gives the ID of a component's
// output by the name of its step.
func NewManifest(name, version string, lock *pkgspec.Lock, output func(step string) string) Manifest {
	component := func(name, version string, src pkgspec.SourcePin) Component {
		return Component{Name: name, Version: version, Source: src.Path, SHA256: src.SHA256.String(), Output: output(name)}
	}
	m := Manifest{
		Format: ManifestFormat, Name: name, Version: version, Lock: lock.Digest().String(),
		Runtime:       component(lock.Runtime.Language, lock.Runtime.Version, lock.Runtime.Source),
		Distributions: []Component{},
	}
	for _, pin := range lock.Distributions {
		m.Distributions = append(m.Distributions, component(pin.Name, pin.Version, pin.Source))
	}
	return m
}

// Encode returns the manifest as indented JSON.
func (m Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(m)
	return b.Bytes(), err
}
