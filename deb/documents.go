package deb

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/chglog"

	"github.com/envbuild/envbuild/internal/tree"
)

// documents returns the files that policy 12.5 and 12.7 ask of every package, and
// what lintian is to know of it.
// Those that the caller or the user brings win.
func documents(req Request) ([]tree.Entry, error) {
	dir := path.Join("/usr/share/doc", req.Meta.Name)
	log, err := req.Settings.changelog(req.Meta.Name)
	if log == nil && err == nil {
		log, err = changelog(req.Meta, req.SourceDate)
	}
	if err != nil {
		return nil, err
	}
	given := slices.Concat(req.Entries, req.Settings.entries())
	docs := []tree.Entry{
		{Path: path.Join(dir, "copyright"), Content: copyright(req.Meta, req.Settings.license(), req.SourceDate.Year(), given)},
		{Path: path.Join(dir, "changelog.Debian.gz"), Content: log},
	}
	if overrides := lintianOverrides(req.Meta, given); len(overrides) > 0 {
		docs = append(docs, tree.Entry{Path: path.Join("/usr/share/lintian/overrides", req.Meta.Name), Content: overrides})
	}
	return slices.DeleteFunc(docs, func(d tree.Entry) bool {
		return slices.ContainsFunc(given, func(e tree.Entry) bool { return e.Path == d.Path })
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
