package perl

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
)

// coreModules are the modules that a perl brings itself, with their versions.
type coreModules map[string]version

// allows reports whether the core has the module in a version that will do.
func (c coreModules) allows(r requirement) bool {
	v, ok := c[r.module]
	return ok && r.rng.allows(v)
}

var errNoCoreDelta = errors.New("the file has no table of modules")

// parseCoreList reads, without running it, the table of Module/CoreList.pm for one
// release ("5.36.0"). The table holds for each release what changed since another:
//
//	5.036000 => { delta_from => 5.035011, changed => { 'IO' => '1.50' }, removed => {…} }
//
// and in Module::CoreList before 2.93 (perl 5.18) the whole list each time.
func parseCoreList(data []byte, release string) (coreModules, error) {
	table, err := coreTable(data)
	if err != nil {
		return nil, fmt.Errorf("Module::CoreList: %w", err)
	}
	want, err := parseVersion(release)
	if err != nil {
		return nil, err
	}
	// The chain from the wanted release back to the first.
	var chain []coreDelta
	for at := coreKey(want); at != ""; {
		d, ok := table[at]
		if !ok {
			return nil, fmt.Errorf("Module::CoreList doesn't know perl %s", release)
		}
		delete(table, at) // so that a chain that bites its tail ends
		chain = append(chain, d)
		at = d.from
	}
	core := make(coreModules)
	for i := len(chain) - 1; i >= 0; i-- {
		maps.Copy(core, chain[i].changed)
		for _, name := range chain[i].removed {
			delete(core, name)
		}
	}
	return core, nil
}

// coreDelta is what one release changed.
type coreDelta struct {
	from    string // a coreKey, or "" for a whole list
	changed coreModules
	removed []string
}

// coreKey makes one key of the forms in which the table writes a release: 5.026,
// 5.026000.
func coreKey(v version) string { return fmt.Sprint(v.parts) }

// coreTable parses the assignment to %delta, or to %version in old releases.
func coreTable(data []byte) (map[string]coreDelta, error) {
	for _, name := range []string{"\n%delta = (", "\n%version = (", "\nour %delta = (", "\nour %version = ("} {
		if i := bytes.Index(data, []byte(name)); i >= 0 {
			p := &corelistParser{lex: newLexer("CoreList.pm", string(data[i+len(name):]))}
			p.step()
			return p.table()
		}
	}
	return nil, errNoCoreDelta
}

type corelistParser struct {
	lex *lexer
	tok token
}

func (p *corelistParser) step() { p.tok = p.lex.next() }

func (p *corelistParser) is(punct string) bool { return p.tok.kind == tokPunct && p.tok.text == punct }

func (p *corelistParser) expect(punct string) error {
	if !p.is(punct) {
		return fmt.Errorf("line %d of the table: expected %q, got %s", p.tok.place.line, punct, p.tok.describe())
	}
	p.step()
	return nil
}

// key reads "KEY =>" and returns the key's text.
func (p *corelistParser) key() (string, error) {
	t := p.tok
	if t.kind != tokString && t.kind != tokNumber && t.kind != tokWord {
		return "", fmt.Errorf("line %d of the table: expected a name, got %s", t.place.line, t.describe())
	}
	p.step()
	return t.text, p.expect("=>")
}

// entries calls each for every "KEY => …" up to the closing bracket.
func (p *corelistParser) entries(closing string, each func(key string) error) error {
	for !p.is(closing) {
		key, err := p.key()
		if err != nil {
			return err
		}
		if err := each(key); err != nil {
			return err
		}
		if !p.is(",") {
			break
		}
		p.step()
	}
	return p.expect(closing)
}

func (p *corelistParser) table() (map[string]coreDelta, error) {
	table := make(map[string]coreDelta)
	err := p.entries(")", func(key string) error {
		v, err := parseVersion(key)
		if err != nil {
			return err
		}
		d, err := p.delta()
		table[coreKey(v)] = d
		return err
	})
	return table, err
}

// delta reads one release. Any other key than a delta's own is a module of a
// whole list.
func (p *corelistParser) delta() (coreDelta, error) {
	d := coreDelta{changed: make(coreModules)}
	if err := p.expect("{"); err != nil {
		return d, err
	}
	err := p.entries("}", func(key string) error {
		switch {
		case key == "changed" && p.is("{"):
			p.step()
			return p.entries("}", func(module string) error { return p.module(d.changed, module) })
		case key == "removed" && p.is("{"):
			p.step()
			return p.entries("}", func(module string) error {
				d.removed = append(d.removed, module)
				p.step()
				return nil
			})
		case key == "delta_from":
			v, err := parseVersion(p.tok.text)
			d.from = coreKey(v)
			p.step()
			return err
		}
		return p.module(d.changed, key)
	})
	return d, err
}

// module reads the version of a module: a string, a number or undef.
func (p *corelistParser) module(into coreModules, name string) error {
	t := p.tok
	if t.kind != tokString && t.kind != tokNumber && t.kind != tokWord {
		return fmt.Errorf("line %d of the table: expected a version, got %s", t.place.line, t.describe())
	}
	p.step()
	into[name] = looseVersion(t.text)
	return nil
}
