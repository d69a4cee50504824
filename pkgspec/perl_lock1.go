package pkgspec

import (
	"slices"
	"strings"
)

// version1 reads a lock of version 1, which knew one language and one archive for
// each pin, and whose root was the machine.
func (p *lockParser) version1() *Lock {
	l := &Lock{Date: p.date(0), Root: RootMachine, Inputs: p.inputs()}
	p.section(0, "runtime")
	ll := LanguageLock{Language: p.value(1, "language").text}
	ll.Runtime.Version = p.value(1, "version").text
	if p.peek(1, "date") {
		ll.Runtime.Date = p.date(1)
	}
	ll.Runtime.Sources = []SourcePin{p.source1(1)}
	p.section(0, "distributions")
	lines := map[string]scalarAt{}
	for p.depth() == 1 {
		k := p.heading(1, "a distribution")
		ll.Distributions = append(ll.Distributions, p.pin1(k.text))
		lines[k.text] = k
		p.checkAscending(k, len(ll.Distributions), func(i int) string { return ll.Distributions[i].ID })
	}
	p.checkClosed(ll.Distributions, lines)
	l.Languages = []LanguageLock{ll}
	l.renameInputs1(ll.Language)
	return l
}

// renameInputs1 gives the sections of the spec the names that they have now.
func (l *Lock) renameInputs1(language string) {
	for i, in := range l.Inputs {
		switch in.Name {
		case "runtime":
			l.Inputs[i] = SectionInput("runtime."+language, in.SHA256)
		case "dependencies":
			l.Inputs[i] = SectionInput("dependencies."+cpanName, in.SHA256)
		}
	}
	slices.SortStableFunc(l.Inputs, func(a, b LockInput) int { return strings.Compare(a.Name, b.Name) })
}

func (p *lockParser) pin1(id string) Pin {
	pin := Pin{ID: id, Name: id, Version: p.value(2, "version").text, Sources: []SourcePin{p.source1(2)}, CBytes: p.integer(2, "c_bytes")}
	if p.peek(2, "license") { // locks of before there was one have none
		pin.License = p.value(2, "license").text
	}
	p.section(2, "requires")
	pin.Requires = p.items(3, nil)
	p.section(2, "provides")
	pin.Provides = p.modules(3)
	return pin
}

func (p *lockParser) source1(depth int) SourcePin {
	path := p.value(depth, "path")
	p.path(path)
	s := SourcePin{Path: path.text}
	if p.peek(depth, "url") {
		s.URL = p.value(depth, "url").text
	}
	s.SHA256 = p.sum(p.value(depth, "sha256"))
	s.Size = p.integer(depth, "size")
	return s
}
