// Package netrc reads the file in which ftp(1), curl and git find logins by host.
package netrc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File holds logins by host.
type File struct {
	machines map[string]Login
	fallback *Login // the default entry
}

// Login is what a host asks for.
type Login struct{ Name, Password string }

// Read reads the file that NETRC names, else .netrc in HOME. An absent file is an
// empty one. An error names the file and the line and never shows a word of it.
func Read(getenv func(string) string) (*File, error) {
	path := getenv("NETRC")
	if path == "" {
		home := getenv("HOME")
		if home == "" {
			return &File{}, nil
		}
		path = filepath.Join(home, ".netrc")
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{}, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return n, nil
}

// Find returns the login for the host. With fallback, the default entry counts.
func (n *File) Find(host string, fallback bool) (Login, bool) {
	if l, ok := n.machines[strings.ToLower(host)]; ok {
		return l, true
	}
	if fallback && n.fallback != nil {
		return *n.fallback, true
	}
	return Login{}, false
}

// parse reads
//
//	machine NAME | default
//	  login NAME  password WORD  account WORD
//	macdef NAME … up to an empty line
//
// in words that white space separates; a word may stand in double quotes, with
// the escapes \", \\, \n, \r and \t, and # where a keyword could be begins a
// comment. The first entry for a host wins. Errors begin with the line and never
// show a word, which may be a password.
func parse(text string) (*File, error) {
	n := &File{machines: map[string]Login{}}
	s := scanner{rest: text, line: 1}
	var current *Login
	var host string
	finish := func() {
		if _, known := n.machines[host]; current != nil && host != "" && !known {
			n.machines[host] = *current
		}
	}
	for {
		keyword, ok, err := s.keyword()
		if err != nil {
			return nil, err
		}
		if !ok {
			finish()
			return n, nil
		}
		switch keyword {
		case "machine":
			finish()
			if host, err = s.value(keyword); err != nil {
				return nil, err
			}
			host, current = strings.ToLower(host), &Login{}
		case "default":
			finish()
			host, current = "", &Login{}
			if n.fallback == nil {
				n.fallback = current
			}
		case "macdef":
			s.skipMacro()
		case "login", "password", "account":
			if err := s.field(keyword, current); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%d: expected machine, default, login, password, account or macdef", s.line)
		}
	}
}

type scanner struct {
	rest string
	line int
}

const space = " \t\r\n\v\f"

// skipSpace counts the lines that it passes.
func (s *scanner) skipSpace() {
	trimmed := strings.TrimLeft(s.rest, space)
	s.line += strings.Count(s.rest[:len(s.rest)-len(trimmed)], "\n")
	s.rest = trimmed
}

// keyword returns the next word that is not a comment.
func (s *scanner) keyword() (word string, ok bool, err error) {
	for {
		s.skipSpace()
		if !strings.HasPrefix(s.rest, "#") {
			return s.word()
		}
		_, after, _ := strings.Cut(s.rest, "\n")
		if len(after) < len(s.rest) {
			s.line++
		}
		s.rest = after
	}
}

// word returns the next word, plain or quoted.
func (s *scanner) word() (word string, ok bool, err error) {
	s.skipSpace()
	if s.rest == "" {
		return "", false, nil
	}
	if s.rest[0] == '"' {
		word, err = s.quoted()
		return word, true, err
	}
	end := strings.IndexAny(s.rest, space)
	if end < 0 {
		end = len(s.rest)
	}
	word, s.rest = s.rest[:end], s.rest[end:]
	return word, true, nil
}

func (s *scanner) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; c {
		case '"':
			s.rest = s.rest[i+1:]
			return b.String(), nil
		case '\n':
			return "", fmt.Errorf("%d: a quoted word ends on its line", s.line)
		case '\\':
			if i++; i < len(s.rest) {
				b.WriteByte(unescape(s.rest[i]))
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%d: a quoted word has no end", s.line)
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func (s *scanner) value(keyword string) (string, error) {
	line := s.line
	word, ok, err := s.word()
	if err == nil && !ok {
		err = fmt.Errorf("%d: %s needs a value", line, keyword)
	}
	return word, err
}

func (s *scanner) field(keyword string, l *Login) error {
	if l == nil {
		return fmt.Errorf("%d: %s stands before any machine", s.line, keyword)
	}
	word, err := s.value(keyword)
	switch keyword {
	case "login":
		l.Name = word
	case "password":
		l.Password = word
	}
	return err
}

// skipMacro passes a macro, which an empty line ends.
func (s *scanner) skipMacro() {
	macro, after, _ := strings.Cut(s.rest, "\n\n")
	s.line += strings.Count(macro, "\n") + 2
	s.rest = after
}
