package pkgspec

import (
	"bytes"
	"fmt"
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
	w.line(0, "inputs", "")
	for _, in := range sortedInputs(l.Inputs) {
		w.line(1, plainKey(in.Name), strconv.Quote(in.SHA256.String()))
	}
	w.line(0, "runtime", "")
	w.line(1, "language", plainKey(l.Runtime.Language))
	w.line(1, "version", strconv.Quote(l.Runtime.Version))
	if !l.Runtime.Date.IsZero() {
		w.line(1, "date", formatDate(l.Runtime.Date))
	}
	w.source(1, l.Runtime.Source)
	w.line(0, "distributions", "")
	for _, p := range sortedPins(l.Distributions) {
		w.line(1, plainKey(p.Name), "")
		w.line(2, "version", strconv.Quote(p.Version))
		w.source(2, p.Source)
		w.line(2, "c_bytes", strconv.FormatInt(p.CBytes, 10))
		if p.License != "" {
			w.line(2, "license", strconv.Quote(p.License))
		}
		w.line(2, "requires", "")
		for _, r := range set(p.Requires) {
			w.b.WriteString("      - " + plainKey(r) + "\n")
		}
		w.line(2, "provides", "")
		for _, m := range sortedModules(p.Provides) {
			w.line(3, plainKey(m.Name), strconv.Quote(m.Version))
		}
	}
	return w.b.Bytes()
}

type lockWriter struct{ b bytes.Buffer }

func (w *lockWriter) line(depth int, key, value string) {
	fmt.Fprintf(&w.b, "%s%s:", strings.Repeat("  ", depth), key)
	if value != "" {
		w.b.WriteString(" " + value)
	}
	w.b.WriteByte('\n')
}

func (w *lockWriter) source(depth int, s SourcePin) {
	w.line(depth, "path", strconv.Quote(s.Path))
	if s.URL != "" {
		w.line(depth, "url", strconv.Quote(s.URL))
	}
	// In quotes, because one digest in some hundreds of thousands looks like a number.
	w.line(depth, "sha256", strconv.Quote(s.SHA256.String()))
	w.line(depth, "size", strconv.FormatInt(s.Size, 10))
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
// meaning, and is no word of YAML 1.1 or 1.2.
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
