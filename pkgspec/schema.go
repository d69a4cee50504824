package pkgspec

import (
	"bytes"
	"encoding/json"
	"slices"
)

// schema is the part of JSON Schema that the spec's format needs.
type schema struct {
	Schema               string            `json:"$schema,omitempty"`
	Title                string            `json:"title,omitempty"`
	Description          string            `json:"description,omitempty"`
	Type                 any               `json:"type,omitempty"` // a name or a list of names
	Enum                 []string          `json:"enum,omitempty"`
	Minimum              *int              `json:"minimum,omitempty"`
	Maximum              *int              `json:"maximum,omitempty"`
	Items                *schema           `json:"items,omitempty"`
	Properties           map[string]schema `json:"properties,omitempty"`
	Required             []string          `json:"required,omitempty"`
	AdditionalProperties any               `json:"additionalProperties,omitempty"` // false or a schema
	OneOf                []schema          `json:"oneOf,omitempty"`
	Default              any               `json:"default,omitempty"`

	// example is the YAML of a key with a value.
	example string
}

// Schema returns the spec's format as a JSON Schema (2020-12), for editors. It
// is made of the same declarations that Parse reads by.
func Schema(languages ...Language) []byte {
	s := specShape(languages).schema
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = SpecName
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		panic(err) // nothing in a schema can fail to encode
	}
	return b.Bytes()
}

// jsonTypes names JSON's types for kinds of nodes.
func jsonTypes(kinds []Kind) any {
	var names []string
	for _, k := range kinds {
		switch k {
		case Number:
			names = append(names, "number")
		case Bool:
			names = append(names, "boolean")
		default:
			names = append(names, "string")
		}
	}
	names = slices.Compact(names)
	if len(names) == 1 {
		return names[0]
	}
	return names
}
