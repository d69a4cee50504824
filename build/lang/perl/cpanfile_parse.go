package perl

import "fmt"

// parseCpanfile reads the plain statements in which nearly all cpanfiles are
// written, without running perl. A file that says more is a *programError; a
// mistake is a *SyntaxError.
func parseCpanfile(file string, data []byte) (*cpanfile, error) {
	p := &cpanfileParser{lex: newLexer(file, string(data)), out: &cpanfile{}}
	p.step()
	if err := p.statements(scope{phase: "runtime"}, tokEnd, ""); err != nil {
		return nil, err
	}
	return p.out, nil
}

// scope is the block that a statement stands in.
type scope struct{ phase, feature string }

type cpanfileParser struct {
	lex *lexer
	tok token
	out *cpanfile
}

func (p *cpanfileParser) step() { p.tok = p.lex.next() }

func (p *cpanfileParser) is(punct string) bool { return p.tok.kind == tokPunct && p.tok.text == punct }

// isComma reports whether the token separates arguments.
func (p *cpanfileParser) isComma() bool { return p.is(",") || p.is("=>") }

// beyond says that the current token leaves the plain subset.
func (p *cpanfileParser) beyond() error {
	return &programError{p.tok.place, p.tok.describe()}
}

func (p *cpanfileParser) expect(punct string) error {
	if !p.is(punct) {
		return p.beyond()
	}
	p.step()
	return nil
}

// statements reads up to the end of the file or a block.
func (p *cpanfileParser) statements(in scope, end tokenKind, closing string) error {
	for {
		for p.is(";") {
			p.step()
		}
		if p.tok.kind == end && p.tok.text == closing {
			return nil
		}
		if err := p.statement(in); err != nil {
			return err
		}
		if !p.is(";") && (p.tok.kind != end || p.tok.text != closing) {
			return p.beyond()
		}
	}
}

func (p *cpanfileParser) statement(in scope) error {
	word := p.tok
	if word.kind == tokNumber && word.text == "1" { // "1;", as modules end
		p.step()
		return nil
	}
	if word.kind != tokWord {
		return p.beyond()
	}
	if phase, ok := phaseOf(word.text); ok {
		return p.require(relRequires, scope{phase, in.feature})
	}
	switch word.text {
	case "requires", "recommends", "suggests", "conflicts":
		return p.require(relation(word.text), in)
	case "on":
		return p.on(in)
	case "feature":
		return p.feature(in)
	case "mirror":
		return p.mirror()
	case "use":
		return p.use()
	}
	return p.beyond()
}

// use accepts the pragmas that change nothing about plain statements.
func (p *cpanfileParser) use() error {
	p.step()
	if p.tok.kind != tokWord || p.tok.text != "strict" && p.tok.text != "warnings" && p.tok.text != "utf8" {
		return p.beyond()
	}
	p.step()
	return nil
}

// open steps over the statement's word and a parenthesis, if there is one.
func (p *cpanfileParser) open() (parens bool) {
	p.step()
	if parens = p.is("("); parens {
		p.step()
	}
	return parens
}

func (p *cpanfileParser) closeParens(parens bool) error {
	if !parens {
		return nil
	}
	return p.expect(")")
}

// arg is an argument: a string, a number, or a word before "=>".
func (p *cpanfileParser) arg() (token, error) {
	t := p.tok
	if t.kind != tokString && t.kind != tokNumber && t.kind != tokWord {
		return t, p.beyond()
	}
	p.step()
	if t.kind == tokWord && !p.is("=>") {
		return t, &programError{t.place, t.describe()}
	}
	return t, nil
}

// args reads a list of arguments with an optional comma at its end.
func (p *cpanfileParser) args() ([]token, error) {
	var out []token
	for {
		t, err := p.arg()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if !p.isComma() {
			return out, nil
		}
		for p.isComma() {
			p.step()
		}
		if p.is(";") || p.is(")") || p.is("}") || p.tok.kind == tokEnd {
			return out, nil
		}
	}
}

// require reads "requires MODULE [, VERSION] [, OPTION => VALUE]…".
func (p *cpanfileParser) require(rel relation, in scope) error {
	parens := p.open()
	at := p.tok.place
	args, err := p.args()
	if err != nil {
		return err
	}
	if err := p.closeParens(parens); err != nil {
		return err
	}
	if !p.is(";") && !p.is("}") && p.tok.kind != tokEnd {
		return p.beyond() // "requires 'X' if …"
	}
	r := cpanRequirement{phase: in.phase, relation: rel, feature: in.feature, place: at}
	r.module = args[0].text
	version, options := "", args[1:]
	if len(options)%2 == 1 {
		version, options = options[0].text, options[1:]
	}
	for i := 0; i < len(options); i += 2 {
		if err := r.option(options[i].text, options[i+1].text, options[i].place); err != nil {
			return err
		}
	}
	return p.out.add(r, version)
}

// option sets an option of a requirement.
func (r *cpanRequirement) option(name, value string, at place) error {
	switch name {
	case "dist":
		r.dist = value
	case "url":
		r.url = value
	case "mirror":
		r.mirror = value
	case "git":
		r.git = value
	case "ref", "rev": // of git, which is refused as a whole
	default:
		return at.errorf("expected dist, url or mirror", "unknown option %q of %s", name, r.module)
	}
	return nil
}

// on reads "on PHASE => sub { … }".
func (p *cpanfileParser) on(in scope) error {
	parens := p.open()
	phase, err := p.arg()
	if err != nil {
		return err
	}
	if !isPhase(phase.text) {
		return phase.place.errorf("expected configure, build, runtime, test or develop", "unknown phase %q", phase.text)
	}
	if !p.isComma() {
		return p.beyond()
	}
	p.step()
	return p.block(scope{phase.text, in.feature}, parens)
}

// feature reads "feature NAME [, DESCRIPTION] => sub { … }".
func (p *cpanfileParser) feature(in scope) error {
	parens := p.open()
	name, err := p.arg()
	if err != nil {
		return err
	}
	if in.feature != "" {
		return name.place.errorf("", "feature %q is inside feature %q", name.text, in.feature)
	}
	if !p.isComma() {
		return p.beyond()
	}
	p.step()
	if p.tok.kind == tokString {
		p.step()
		if !p.isComma() {
			return p.beyond()
		}
		p.step()
	}
	p.out.features = append(p.out.features, name.text)
	return p.block(scope{in.phase, name.text}, parens)
}

// block reads "sub { … }" and what closes the statement.
func (p *cpanfileParser) block(in scope, parens bool) error {
	if p.tok.kind != tokWord || p.tok.text != "sub" {
		return p.beyond()
	}
	p.step()
	if err := p.expect("{"); err != nil {
		return err
	}
	if err := p.statements(in, tokPunct, "}"); err != nil {
		return err
	}
	p.step()
	if p.isComma() {
		p.step()
	}
	return p.closeParens(parens)
}

func (p *cpanfileParser) mirror() error {
	parens := p.open()
	t, err := p.arg()
	if err != nil {
		return err
	}
	if t.kind != tokString {
		return &programError{t.place, fmt.Sprintf("mirror %s", t.describe())}
	}
	p.out.mirrors = append(p.out.mirrors, t.text)
	return p.closeParens(parens)
}
