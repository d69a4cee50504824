package perl

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// snapshotDist is a distribution of a cpanfile.snapshot.
type snapshotDist struct {
	pathname     string // "M/MI/MIYAGAWA/Plack-1.0050.tar.gz"
	line         int
	provides     []pkgspec.Module
	requirements []requirement
}

const snapshotHeader = "# carton snapshot format: version 1.0"

// parseSnapshot reads Carton's cpanfile.snapshot, format 1.0. Its errors are of
// type *SyntaxError.
func parseSnapshot(file string, data []byte) ([]snapshotDist, error) {
	p := snapshotParser{file: file}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line++
		// Scan takes the CR off a line that ends in CR LF.
		if err := p.read(strings.TrimRight(lines.Text(), " \t")); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, p.errorf("%v", err)
	}
	if p.line == 0 {
		return nil, p.errorf("the file is empty")
	}
	return p.dists, p.finish()
}

// snapshotParser reads the file by indentation: a distribution stands at 2
// spaces, its keys at 4, a list's modules at 6.
type snapshotParser struct {
	file    string
	line    int
	started bool
	section string
	dists   []snapshotDist
}

func (p *snapshotParser) errorf(format string, args ...any) error {
	return &SyntaxError{
		File: p.file, Line: max(p.line, 1), Message: fmt.Sprintf(format, args...),
		hint: "the file is written by carton; run carton install to make it anew, or restore it from version control",
	}
}

func (p *snapshotParser) read(text string) error {
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	switch {
	case p.line == 1:
		if text != snapshotHeader {
			return p.errorf("the first line is not %q", snapshotHeader)
		}
		return nil
	case body == "" || strings.HasPrefix(text, "#"):
		return nil
	case indent == 0 && text == "DISTRIBUTIONS":
		p.started = true
		return nil
	case strings.HasPrefix(text, "<<<<<<<") || strings.HasPrefix(text, "=======") || strings.HasPrefix(text, ">>>>>>>"):
		return p.errorf("the file contains an unresolved merge conflict")
	case !p.started:
		return p.errorf("expected DISTRIBUTIONS, got %q", body)
	case indent == 2:
		if err := p.finish(); err != nil {
			return err
		}
		p.dists = append(p.dists, snapshotDist{line: p.line})
		p.section = ""
		return nil
	case indent == 4 && len(p.dists) > 0:
		return p.key(body)
	case indent == 6 && len(p.dists) > 0:
		return p.module(body)
	}
	return p.errorf("unexpected %q with %d spaces before it", body, indent)
}

func (p *snapshotParser) key(body string) error {
	d := &p.dists[len(p.dists)-1]
	name, value, ok := strings.Cut(body, ":")
	value = strings.TrimSpace(value)
	switch {
	case ok && name == "pathname" && value != "":
		if err := checkPathname(value); err != nil {
			return p.errorf("%v", err)
		}
		d.pathname, p.section = value, ""
	case ok && (name == "provides" || name == "requirements") && value == "":
		p.section = name
	default:
		return p.errorf("expected pathname, provides or requirements, got %q", body)
	}
	return nil
}

func (p *snapshotParser) module(body string) error {
	d := &p.dists[len(p.dists)-1]
	name, value, _ := strings.Cut(body, " ")
	value = strings.TrimSpace(value)
	switch p.section {
	case "provides":
		if value == "" {
			value = "undef"
		}
		d.provides = append(d.provides, pkgspec.Module{Name: name, Version: value})
	case "requirements":
		r, err := parseRange(value)
		if err != nil {
			return p.errorf("%v", err)
		}
		d.requirements = append(d.requirements, requirement{name, r})
	default:
		return p.errorf("%q is not in a list", body)
	}
	return nil
}

// finish checks the distribution read last.
func (p *snapshotParser) finish() error {
	if len(p.dists) > 0 && p.dists[len(p.dists)-1].pathname == "" {
		return p.errorf("the distribution of line %d has no pathname", p.dists[len(p.dists)-1].line)
	}
	return nil
}
