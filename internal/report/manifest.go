// Package report says what is inside an environment and why, in documents that are
// values: the manifest and the bill of materials that packages carry, what differs
// between two packages or locks, and the page of a build.
package report

import (
	"bytes"
	"encoding/json"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// ManifestFormat names the format of manifests.
const ManifestFormat = "envbuild-manifest-2"

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
	Lock string `json:"lock"`
	// Languages are those that the package has.
	Languages []LanguageParts `json:"languages"`
}

// LanguageParts are a language's parts of an environment.
type LanguageParts struct {
	Language      string      `json:"language"`
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

// NewManifest is the manifest of a package without languages.
func NewManifest(name, version string, lock digest.SHA256) Manifest {
	return Manifest{Format: ManifestFormat, Name: name, Version: version, Lock: lock.String(), Languages: []LanguageParts{}}
}

// Add describes what is pinned for a language. output gives the ID of the output of
// a pin's step, or of the runtime's for nil.
func (m *Manifest) Add(pins pkgspec.LanguageLock, output func(pin *pkgspec.Pin) string) {
	component := func(name, version string, src pkgspec.SourcePin, pin *pkgspec.Pin) Component {
		return Component{Name: name, Version: version, Source: src.Path, SHA256: src.SHA256.String(), Output: output(pin)}
	}
	parts := LanguageParts{
		Language: pins.Language, Distributions: []Component{},
		Runtime: component(pins.Language, pins.Runtime.Version, pins.Runtime.Source(), nil),
	}
	for i := range pins.Distributions {
		pin := &pins.Distributions[i]
		parts.Distributions = append(parts.Distributions, component(pin.Name, pin.Version, pin.Source(), pin))
	}
	m.Languages = append(m.Languages, parts)
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
