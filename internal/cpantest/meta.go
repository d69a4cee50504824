package cpantest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// meta is the part of META.json (CPAN::Meta::Spec 2) that mirrors and
// installers look at.
type meta struct {
	Abstract      string              `json:"abstract"`
	Author        []string            `json:"author"`
	DynamicConfig int                 `json:"dynamic_config"`
	GeneratedBy   string              `json:"generated_by"`
	License       []string            `json:"license"`
	MetaSpec      map[string]any      `json:"meta-spec"`
	Name          string              `json:"name"`
	Prereqs       map[string]phase    `json:"prereqs"`
	Provides      map[string]provided `json:"provides,omitempty"`
	ReleaseStatus string              `json:"release_status"`
	Version       string              `json:"version"`
}

type phase struct {
	Requires map[string]string `json:"requires"`
}

type provided struct {
	File string `json:"file"`
	// Version is a string or a number in the files of the world.
	Version any `json:"version,omitempty"`
}

// makeMaker is what every Makefile.PL needs to be run.
const makeMaker = "ExtUtils::MakeMaker"

func (d Dist) metaJSON() (string, error) {
	configure := map[string]string{makeMaker: "0"}
	maps.Copy(configure, d.ConfigureRequires)
	m := meta{
		Abstract:    d.abstract(),
		Author:      []string{"envbuild tests"},
		GeneratedBy: "cpantest",
		License:     []string{"perl_5"},
		MetaSpec:    map[string]any{"version": 2},
		Name:        d.Name,
		Prereqs: map[string]phase{
			"configure": {configure},
			"runtime":   {d.Requires},
		},
		Provides:      map[string]provided{},
		ReleaseStatus: "stable",
		Version:       d.Version,
	}
	for _, p := range scanFiles(d.Files) {
		info := provided{File: p.File}
		if p.Version != undef {
			info.Version = p.Version
		}
		m.Provides[p.Name] = info
	}
	b, err := json.MarshalIndent(m, "", "   ")
	if err != nil {
		return "", fmt.Errorf("META.json of %s: %w", d.Release(), err)
	}
	return string(b) + "\n", nil
}

func (d Dist) abstract() string {
	if d.Abstract == "" {
		return d.Name
	}
	return d.Abstract
}

func (d Dist) makefilePL() (string, error) {
	var b strings.Builder
	b.WriteString("use strict;\nuse warnings;\nuse ExtUtils::MakeMaker;\n\nWriteMakefile(\n")
	fmt.Fprintf(&b, "    NAME     => %s,\n", quote(strings.ReplaceAll(d.Name, "-", "::")))
	fmt.Fprintf(&b, "    DISTNAME => %s,\n", quote(d.Name))
	fmt.Fprintf(&b, "    VERSION  => %s,\n", quote(d.Version))
	fmt.Fprintf(&b, "    ABSTRACT => %s,\n", quote(d.abstract()))
	b.WriteString("    LICENSE  => 'perl_5',\n")
	if exe := d.executables(); len(exe) > 0 {
		b.WriteString("    EXE_FILES => [\n")
		for _, name := range exe {
			fmt.Fprintf(&b, "        %s,\n", quote(name))
		}
		b.WriteString("    ],\n")
	}
	requires := maps.Clone(d.Requires)
	if v, ok := requires["perl"]; ok {
		fmt.Fprintf(&b, "    MIN_PERL_VERSION => %s,\n", quote(v))
		delete(requires, "perl")
	}
	writeHash(&b, "CONFIGURE_REQUIRES", d.ConfigureRequires)
	writeHash(&b, "PREREQ_PM", requires)
	b.WriteString(");\n")
	return b.String(), nil
}

func writeHash(b *strings.Builder, name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s => {\n", name)
	for _, module := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(b, "        %s => %s,\n", quote(module), quote(m[module]))
	}
	b.WriteString("    },\n")
}

// quote makes a single-quoted string of perl.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
