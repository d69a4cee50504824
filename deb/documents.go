package deb

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/chglog"
)

// documents returns the files that policy 12.5 and 12.7 ask of every package.
// Those that the caller or the user brings win.
func documents(req Request) ([]Entry, error) {
	dir := path.Join("/usr/share/doc", req.Meta.Name)
	log, err := req.Settings.changelog(req.Meta.Name)
	if log == nil && err == nil {
		log, err = changelog(req.Meta, req.SourceDate)
	}
	if err != nil {
		return nil, err
	}
	given := slices.Concat(req.Entries, req.Settings.entries())
	docs := []Entry{
		{Path: path.Join(dir, "copyright"), Content: copyright(req.Meta, req.Settings.license(), req.SourceDate.Year())},
		{Path: path.Join(dir, "changelog.Debian.gz"), Content: log},
	}
	return slices.DeleteFunc(docs, func(d Entry) bool {
		return slices.ContainsFunc(given, func(e Entry) bool { return e.Path == d.Path })
	}), nil
}

// changelog returns a compressed changelog of one entry.
func changelog(m Meta, date time.Time) ([]byte, error) {
	return compressed(fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n",
		m.Name, m.Version, m.Version, m.Maintainer, date.Format(time.RFC1123Z)))
}

// changelog returns the changelog that the user wrote in nfpm's format, or nil.
func (s *Settings) changelog(name string) ([]byte, error) {
	if s == nil || s.decoded.Changelog == "" {
		return nil, nil
	}
	info := s.decoded
	info.Name = name
	log, err := info.GetChangeLog()
	if err != nil {
		return nil, err
	}
	template, err := chglog.DebTemplate()
	if err != nil {
		return nil, err
	}
	text, err := chglog.FormatChangelog(log, template)
	if err != nil {
		return nil, fmt.Errorf("package.changelog: %w", err)
	}
	return compressed(strings.TrimSpace(text) + "\n")
}

// compressed compresses as gzip -9n does.
func compressed(text string) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(z, text)
	err = errors.Join(err, z.Close())
	return buf.Bytes(), err
}

// copyright returns a machine-readable copyright file that says what is known
// and no more.
func copyright(m Meta, license string, year int) []byte {
	var b strings.Builder
	b.WriteString("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
	fmt.Fprintf(&b, "Upstream-Name: %s\nUpstream-Contact: %s\n", m.Name, m.Maintainer)
	b.WriteString("Comment:\n This package holds an application and what it runs on. Every part keeps its\n" +
		" own authors and licence; the licences below are those that the parts name.\n")
	components := slices.Clone(m.Components)
	slices.SortFunc(components, func(a, b Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	for i, c := range components {
		if i == 0 {
			b.WriteString(" .\n")
		}
		b.WriteString(" " + c.line() + "\n")
	}
	fmt.Fprintf(&b, "\nFiles: *\nCopyright: %d, the authors of %s\nLicense: %s\n", year, m.Name, cmp.Or(license, "other"))
	b.WriteString(" The terms are those under which the maintainer publishes the application.\n")
	return []byte(b.String())
}

// line is "Plack 1.0050: perl_5; M/MI/MIYAGAWA/Plack-1.0050.tar.gz".
func (c Component) line() string {
	line := c.Name + " " + c.Version
	if len(c.Licenses) > 0 {
		line += ": " + strings.Join(c.Licenses, ", ")
	}
	if c.Source != "" {
		line += "; " + c.Source
	}
	return strings.Join(strings.Fields(line), " ")
}
