package deb

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

// documents returns the files that policy 12.5 and 12.7 ask of every package, and
// what lintian is to know of it.
// Those that the caller or the user brings win.
func documents(req Request) ([]Entry, error) {
	dir := path.Join("/usr/share/doc", req.Meta.Name)
	log, err := changelog(req.Meta, req.SourceDate)
	if err != nil {
		return nil, err
	}
	given := slices.Concat(req.Entries, req.Settings.entries())
	docs := []Entry{{Path: path.Join(dir, "copyright"), Content: copyright(req.Meta, req.Settings.license(), req.SourceDate.Year(), given)}}
	if !req.Settings.hasChangelog() {
		docs = append(docs, Entry{Path: path.Join(dir, "changelog.Debian.gz"), Content: log})
	}
	if overrides := lintianOverrides(req.Meta, given); len(overrides) > 0 {
		docs = append(docs, Entry{Path: path.Join("/usr/share/lintian/overrides", req.Meta.Name), Content: overrides})
	}
	return slices.DeleteFunc(docs, func(d Entry) bool {
		return slices.ContainsFunc(given, func(e Entry) bool { return e.Path == d.Path })
	}), nil
}

// changelog returns a compressed changelog of one entry, as gzip -9n writes it.
func changelog(m Meta, date time.Time) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(z, "%s (%s) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n",
		m.Name, m.Version, m.Version, m.Maintainer, date.Format(time.RFC1123Z))
	err = errors.Join(err, z.Close())
	return buf.Bytes(), err
}
