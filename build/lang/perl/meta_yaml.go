package perl

import (
	"fmt"
	"strings"
)

// parseTinyYAML reads the subset of YAML that the makers of META.yml have written
// for twenty years: maps and lists by indentation, with scalars that are plain, in
// single or in double quotes. Every scalar is text, so that the version 1.10 stays
// what it is. The result is made of map[string]any, []any and string.
func parseTinyYAML(data []byte) (any, error) {
	p := &tinyYAML{}
	for n, line := range strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n") {
		body := strings.TrimLeft(line, " ")
		switch {
		case strings.HasPrefix(line, "---") && len(p.lines) > 0, line == "...":
			return p.document()
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "%"), body == "", strings.HasPrefix(body, "#"):
			continue
		}
		p.lines = append(p.lines, yamlLine{n + 1, len(line) - len(body), strings.TrimRight(body, " \t")})
	}
	return p.document()
}

type yamlLine struct {
	number, indent int
	body           string
}

type tinyYAML struct {
	lines []yamlLine
	at    int
	depth int
}

// maxYAMLDepth is far above what META.yml needs (4).
const maxYAMLDepth = 32

func (p *tinyYAML) document() (any, error) {
	if len(p.lines) == 0 {
		return nil, nil
	}
	v, err := p.block(p.lines[0].indent)
	if err == nil && p.at < len(p.lines) {
		err = p.errorf("unexpected indentation")
	}
	return v, err
}

func (p *tinyYAML) errorf(format string, args ...any) error {
	at := p.lines[min(p.at, len(p.lines)-1)]
	return fmt.Errorf("line %d: %s", at.number, fmt.Sprintf(format, args...))
}

// block reads the map or list whose lines stand at indent.
func (p *tinyYAML) block(indent int) (any, error) {
	if p.depth++; p.depth > maxYAMLDepth {
		return nil, p.errorf("nested too deeply")
	}
	defer func() { p.depth-- }()
	if isItem(p.lines[p.at].body) {
		return p.list(indent)
	}
	out := make(map[string]any)
	for p.at < len(p.lines) && p.lines[p.at].indent == indent && !isItem(p.lines[p.at].body) {
		key, rest, err := p.splitKey(p.lines[p.at].body)
		if err != nil {
			return nil, err
		}
		p.at++
		if out[key], err = p.value(rest, indent); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isItem(body string) bool { return body == "-" || strings.HasPrefix(body, "- ") }

func (p *tinyYAML) list(indent int) (any, error) {
	out := []any{}
	for p.at < len(p.lines) && p.lines[p.at].indent == indent && isItem(p.lines[p.at].body) {
		line := &p.lines[p.at]
		rest := strings.TrimLeft(line.body[1:], " ")
		var v any
		var err error
		if _, _, keyErr := p.splitKey(rest); keyErr == nil && rest != "" {
			// "- key: value": a map that begins on the item's line.
			line.indent, line.body = indent+len(line.body)-len(rest), rest
			v, err = p.block(line.indent)
		} else {
			p.at++
			v, err = p.value(rest, indent)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// value reads what follows a key or a dash on its line, or the block below.
func (p *tinyYAML) value(rest string, indent int) (any, error) {
	switch {
	case strings.HasPrefix(rest, "|") || strings.HasPrefix(rest, ">"):
		var text []string
		for p.at < len(p.lines) && p.lines[p.at].indent > indent {
			text = append(text, p.lines[p.at].body)
			p.at++
		}
		return strings.Join(text, "\n"), nil
	case rest != "":
		v := yamlScalar(rest)
		for p.at < len(p.lines) && p.lines[p.at].indent > indent { // a folded plain scalar
			v += " " + p.lines[p.at].body
			p.at++
		}
		return yamlFlow(v), nil
	case p.at == len(p.lines):
		return "", nil
	}
	next := p.lines[p.at]
	if next.indent > indent || next.indent == indent && isItem(next.body) {
		return p.block(next.indent)
	}
	return "", nil
}

// yamlFlow knows the two empty collections.
func yamlFlow(v string) any {
	switch v {
	case "{}":
		return map[string]any{}
	case "[]":
		return []any{}
	}
	return v
}

// splitKey splits "key: value".
func (p *tinyYAML) splitKey(body string) (key, rest string, err error) {
	if q := body[:min(1, len(body))]; q == "'" || q == `"` {
		end := strings.Index(body[1:], q+":")
		if end < 0 {
			return "", "", p.errorf("expected a key, got %q", body)
		}
		return body[1 : end+1], strings.TrimLeft(body[end+3:], " "), nil
	}
	if k, ok := strings.CutSuffix(body, ":"); ok && !strings.Contains(k, ": ") {
		return strings.TrimSpace(k), "", nil
	}
	k, v, ok := strings.Cut(body, ": ")
	if !ok {
		return "", "", p.errorf("expected a key, got %q", body)
	}
	return strings.TrimSpace(k), strings.TrimLeft(v, " "), nil
}

// yamlScalar takes quotes and comments off.
func yamlScalar(s string) string {
	switch s[0] {
	case '\'':
		if end := strings.LastIndexByte(s, '\''); end > 0 {
			return strings.ReplaceAll(s[1:end], "''", "'")
		}
	case '"':
		if end := strings.LastIndexByte(s, '"'); end > 0 {
			return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(s[1:end])
		}
	case '~':
		if s == "~" {
			return ""
		}
	}
	s, _, _ = strings.Cut(s, " #")
	return strings.TrimRight(s, " ")
}
