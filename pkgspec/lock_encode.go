package pkgspec

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const lockHeader = `# Made by "envbuild lock". Commit this file; don't edit it, run envbuild lock.
`

// Encode writes the lock as YAML with one fact a line, sorted, so that a diff
// shows what changed and git merges what doesn't conflict. Equal locks give equal
// bytes, whatever the order of their slices.
func (l *Lock) Encode() []byte {
	w := &lockWriter{}
	w.b.WriteString(lockHeader)
	w.line(0, "version", strconv.Itoa(LockVersion))
	w.line(0, "date", formatDate(l.Date))
	w.line(0, "root", plainKey(cmp.Or(l.Root, RootMachine)))
	w.targets(0, l.Targets)
	w.line(0, "inputs", "")
	for _, in := range sortedInputs(l.Inputs) {
		w.line(1, plainKey(in.Name), strconv.Quote(in.SHA256.String()))
	}
	w.line(0, "languages", "")
	for _, ll := range sortedLanguages(l.Languages) {
		w.line(1, plainKey(ll.Language), "")
		w.runtime(ll.Runtime)
		w.line(2, "distributions", "")
		for _, p := range sortedPins(ll.Distributions) {
			w.pin(&p)
		}
	}
	return w.b.Bytes()
}

type lockWriter struct{ b bytes.Buffer }

func (w *lockWriter) line(depth int, key, value string) {
	for range depth {
		w.b.WriteString("  ")
	}
	w.b.WriteString(key)
	w.b.WriteByte(':')
	if value != "" {
		w.b.WriteByte(' ')
		w.b.WriteString(value)
	}
	w.b.WriteByte('\n')
}

// list writes a list of words, and nothing where there are none.
func (w *lockWriter) list(depth int, key string, words []string) {
	if len(words) == 0 {
		return
	}
	w.line(depth, key, "")
	for _, word := range set(words) {
		w.b.WriteString(strings.Repeat("  ", depth+1) + "- " + plainKey(word) + "\n")
	}
}

func (w *lockWriter) targets(depth int, targets []Target) {
	w.list(depth, "targets", targetNames(targets))
}

func (w *lockWriter) runtime(r RuntimePin) {
	w.line(2, "runtime", "")
	w.line(3, "version", strconv.Quote(r.Version))
	if !r.Date.IsZero() {
		w.line(3, "date", formatDate(r.Date))
	}
	w.sources(3, r.Sources)
}

func (w *lockWriter) pin(p *Pin) {
	w.line(3, plainKey(p.key()), "")
	if name := cmp.Or(p.Name, p.ID); name != p.key() {
		w.line(4, "name", plainKey(name))
	}
	w.line(4, "version", strconv.Quote(p.Version))
	w.targets(4, p.Targets)
	w.list(4, "places", p.Places)
	w.sources(4, p.Sources)
	if p.CBytes != 0 {
		w.line(4, "c_bytes", strconv.FormatInt(p.CBytes, 10))
	}
	if p.License != "" {
		w.line(4, "license", strconv.Quote(p.License))
	}
	w.list(4, "requires", p.Requires)
	if len(p.Provides) > 0 {
		w.line(4, "provides", "")
	}
	for _, m := range sortedModules(p.Provides) {
		w.line(5, plainKey(m.Name), strconv.Quote(m.Version))
	}
}

func (w *lockWriter) sources(depth int, sources []SourcePin) {
	if len(sources) == 0 {
		return
	}
	w.line(depth, "files", "")
	for _, s := range sortedSources(sources) {
		w.line(depth+1, plainKey(s.Path), "")
		if s.URL != "" {
			w.line(depth+2, "url", strconv.Quote(s.URL))
		}
		// In quotes, because one digest in some hundreds of thousands looks like a number.
		w.line(depth+2, "sha256", strconv.Quote(s.SHA256.String()))
		w.line(depth+2, "size", strconv.FormatInt(s.Size, 10))
		w.targets(depth+2, s.Targets)
	}
}

// plainKey writes a word without quotes where every YAML parser reads it as the
// same string.
func plainKey(s string) string {
	if isPlain(s) {
		return s
	}
	return strconv.Quote(s)
}

// isPlain reports whether s begins with a letter, holds nothing that YAML gives a
// meaning, and is not a word of YAML 1.1 or 1.2.
func isPlain(s string) bool {
	for i, r := range []byte(s) {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		inside := i > 0 && (r >= '0' && r <= '9' || strings.ContainsRune("_.+/-:", rune(r)))
		if !letter && !inside {
			return false
		}
	}
	reserved := []string{"", "y", "n", "yes", "no", "on", "off", "true", "false", "null"}
	return !slices.Contains(reserved, strings.ToLower(s)) && !strings.HasSuffix(s, ":")
}

// formatDate writes whole seconds in UTC.
func formatDate(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
