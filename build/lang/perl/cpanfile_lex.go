package perl

import (
	"strings"
	"unicode/utf8"
)

// tokenKind tells the words of the plain subset of perl in which cpanfiles are
// written.
type tokenKind int

const (
	tokEnd    tokenKind = iota
	tokWord             // requires, on, sub, Foo::Bar
	tokString           // the text without quotes
	tokNumber           // 1.05, v1.2.3, 5.10.1, as written
	tokPunct            // ; , => ( ) { }
	tokOther            // anything else: the file is a program
)

type token struct {
	kind  tokenKind
	text  string
	place place
}

// describe names the token in errors.
func (t token) describe() string {
	switch t.kind {
	case tokEnd:
		return "the end of the file"
	case tokString:
		return "the string '" + t.text + "'"
	}
	return `"` + t.text + `"`
}

// lexer splits a cpanfile, or data written as perl, into tokens.
type lexer struct {
	src       string
	at        int
	line      int
	lineStart int
	file      string
}

func newLexer(file, src string) *lexer {
	return &lexer{src: strings.ReplaceAll(src, "\r\n", "\n"), line: 1, file: file}
}

func (l *lexer) here() place {
	return place{l.file, l.line, utf8.RuneCountInString(l.src[l.lineStart:l.at]) + 1}
}

// advance moves over n bytes and counts the lines in them.
func (l *lexer) advance(n int) {
	for _, c := range []byte(l.src[l.at : l.at+n]) {
		l.at++
		if c == '\n' {
			l.line++
			l.lineStart = l.at
		}
	}
}

// skip moves over blanks, comments and POD.
func (l *lexer) skip() {
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.advance(1)
		case c == '#':
			l.advance(lineLen(l.src[l.at:]))
		case c == '=' && l.at == l.lineStart && l.at+1 < len(l.src) && isWordStart(l.src[l.at+1]):
			l.skipPod()
		default:
			return
		}
	}
}

// skipPod moves over the lines from "=word" to "=cut".
func (l *lexer) skipPod() {
	for l.at < len(l.src) {
		line := l.src[l.at : l.at+lineLen(l.src[l.at:])]
		l.advance(len(line))
		if strings.HasPrefix(line, "=cut") {
			return
		}
		if l.at < len(l.src) {
			l.advance(1)
		}
	}
}

func lineLen(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// next returns the next token.
func (l *lexer) next() token {
	l.skip()
	t := token{place: l.here()}
	if l.at == len(l.src) {
		return t
	}
	rest := l.src[l.at:]
	switch c := rest[0]; {
	case c == '\'' || c == '"':
		return l.quoted(t, 1, c, c == '"')
	case strings.HasPrefix(rest, "=>"):
		t.kind, t.text = tokPunct, "=>"
	case strings.IndexByte(";,(){}", c) >= 0:
		t.kind, t.text = tokPunct, rest[:1]
	case isNumberStart(rest):
		t.kind, t.text = tokNumber, rest[:spanLen(rest, isNumberByte)]
	case isWordStart(c):
		return l.word(t)
	default:
		_, size := utf8.DecodeRuneInString(rest)
		t.kind, t.text = tokOther, rest[:size]
	}
	l.advance(len(t.text))
	return t
}

// word reads a name, or what begins like one: q(…), qq(…), __END__.
func (l *lexer) word(t token) token {
	rest := l.src[l.at:]
	word := rest[:spanLen(rest, isWordByte)]
	switch word {
	case "__END__", "__DATA__":
		l.advance(len(rest))
		return t
	case "q", "qq":
		blanks := len(rest[len(word):]) - len(strings.TrimLeft(rest[len(word):], " \t"))
		if at := len(word) + blanks; at < len(rest) && !strings.HasPrefix(rest[at:], "=>") {
			if c := rest[at]; c != ',' && c != ';' && (c != '#' || blanks == 0) && c != '\n' && c < utf8.RuneSelf && !isWordByte(c) {
				return l.quoted(t, at+1, c, word == "qq")
			}
		}
	}
	t.kind, t.text = tokWord, word
	l.advance(len(word))
	return t
}

// quoted reads a string whose opening delimiter ends at offset start. A string
// that perl would interpolate, or whose end is missing, is tokOther.
func (l *lexer) quoted(t token, start int, open byte, interpolates bool) token {
	rest := l.src[l.at:]
	closing, depth := closingOf(open), 1
	var text strings.Builder
	for i := start; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\' && interpolates, (c == '$' || c == '@') && interpolates:
			t.kind, t.text = tokOther, rest[:i+1]
			l.advance(i + 1)
			return t
		case c == '\\' && i+1 < len(rest) && (rest[i+1] == '\\' || rest[i+1] == open || rest[i+1] == closing):
			i++
			text.WriteByte(rest[i])
			continue
		case c == closing:
			depth--
		case c == open:
			depth++
		}
		if depth == 0 {
			t.kind, t.text = tokString, text.String()
			l.advance(i + 1)
			return t
		}
		text.WriteByte(rest[i])
	}
	t.kind, t.text = tokOther, rest[:lineLen(rest)]
	l.advance(len(rest))
	return t
}

func closingOf(open byte) byte {
	if i := strings.IndexByte("([{<", open); i >= 0 {
		return ")]}>"[i]
	}
	return open
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isWordByte(c byte) bool { return isWordStart(c) || c >= '0' && c <= '9' || c == ':' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumberByte(c byte) bool { return isDigit(c) || c == '.' || c == '_' || c == 'v' }

// isNumberStart accepts digits and v-strings such as v1.2.
func isNumberStart(s string) bool {
	if isDigit(s[0]) {
		return true
	}
	n := spanLen(s, isNumberByte)
	return s[0] == 'v' && n > 1 && isDigit(s[1]) && (n == len(s) || !isWordByte(s[n]))
}

// spanLen is the length of the longest beginning of s made of such bytes.
func spanLen(s string, is func(byte) bool) int {
	for i := range len(s) {
		if !is(s[i]) {
			return i
		}
	}
	return len(s)
}
