package perl

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/envbuild/envbuild/pkgspec"
)

// metaRequires maps modules to requirements as they are written.
type metaRequires map[string]string

func (r metaRequires) names() []string { return slices.Sorted(maps.Keys(r)) }

// meta is what META.json or META.yml says of a distribution.
type meta struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Known says that there was a readable file.
	Known bool `json:"known"`
	// DynamicConfig says that configuring may bring more requirements to light.
	DynamicConfig bool `json:"dynamic_config"`
	// License is an SPDX expression, or empty.
	License   string           `json:"license,omitempty"`
	Static    bool             `json:"static"`
	Configure metaRequires     `json:"configure"`
	Build     metaRequires     `json:"build"`
	Runtime   metaRequires     `json:"runtime"`
	Provides  []pkgspec.Module `json:"provides"`
}

var errNoMeta = errors.New("the metadata is not a map")

// parseMetaJSON reads META.json, version 2 of the specification.
func parseMetaJSON(data []byte) (meta, error) {
	// Numbers stay as they are written: the version 1.10 is not 1.1.
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return meta{}, err
	}
	if doc == nil {
		return meta{}, errNoMeta
	}
	return metaOf(doc), nil
}

// parseMetaYAML reads META.yml, version 1.4 of the specification or older.
func parseMetaYAML(data []byte) (meta, error) {
	doc, err := parseTinyYAML(data)
	if err != nil {
		return meta{}, err
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return meta{}, errNoMeta
	}
	return metaOf(top), nil
}

// metaOf takes what it knows from either form and passes over what has another
// shape than specified, as the CPAN clients do.
func metaOf(doc map[string]any) meta {
	m := meta{
		Known: true, Name: textOf(doc["name"]), Version: textOf(doc["version"]),
		DynamicConfig: true, Static: truth(doc["x_static_install"]),
		License: licenseOf(doc),
	}
	if d, ok := doc["dynamic_config"]; ok {
		m.DynamicConfig = truth(d)
	}
	if prereqs := mapOf(doc["prereqs"]); prereqs != nil {
		m.Configure = requiresOf(mapOf(prereqs["configure"])["requires"])
		m.Build = requiresOf(mapOf(prereqs["build"])["requires"])
		m.Runtime = requiresOf(mapOf(prereqs["runtime"])["requires"])
	} else {
		m.Configure = requiresOf(doc["configure_requires"])
		m.Build = requiresOf(doc["build_requires"])
		m.Runtime = requiresOf(doc["requires"])
	}
	provides := mapOf(doc["provides"])
	for _, name := range slices.Sorted(maps.Keys(provides)) {
		if isModuleName(name) {
			version := orUndef(textOf(mapOf(provides[name])["version"]))
			m.Provides = append(m.Provides, pkgspec.Module{Name: name, Version: version})
		}
	}
	return m
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func requiresOf(v any) metaRequires {
	out := make(metaRequires)
	for name, version := range mapOf(v) {
		out[name] = textOf(version)
	}
	return out
}

// textOf returns a scalar as text. META 1.3 allows versions to be objects, which
// say "original".
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case map[string]any:
		return textOf(v["original"])
	}
	return ""
}

// truth is perl's: 0, "", "0" and null are false.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != "" && v != "0" && v != "~" && v != "false"
	case json.Number:
		return v != "0"
	}
	return false
}
