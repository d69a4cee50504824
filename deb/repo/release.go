package repo

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
)

// generationField leads from a signed release file to the generation's record.
// Clients pass over fields that they don't know.
const generationField = "Envbuild-Generation"

// release is a distribution's release file.
type release struct {
	origin, label, suite, codename, description string
	date                                        time.Time
	architectures, components                   []string
	generation                                  generationRef
	// files are listed by name, relative to the distribution's directory.
	files []releaseFile
}

type releaseFile struct {
	name   string
	size   int64
	sha256 digest.SHA256
}

// dateForm is RFC 1123 in UTC, as apt wants it.
const dateForm = "Mon, 02 Jan 2006 15:04:05 UTC"

func (r *release) encode() []byte {
	var b bytes.Buffer
	for _, f := range []struct{ name, value string }{
		{"Origin", r.origin}, {"Label", r.label}, {"Suite", r.suite}, {"Codename", r.codename},
		{"Date", r.date.UTC().Format(dateForm)},
		{"Architectures", strings.Join(r.architectures, " ")}, {"Components", strings.Join(r.components, " ")},
		{"Description", r.description},
		// Packages for all architectures are in each one's index.
		{"No-Support-for-Architecture-all", "Packages"},
		{"Acquire-By-Hash", "yes"},
		{generationField, fmt.Sprintf("%d %s", r.generation.Number, r.generation.SHA256)},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", f.name, f.value)
		}
	}
	b.WriteString("SHA256:\n")
	for _, f := range r.files {
		fmt.Fprintf(&b, " %s %d %s\n", f.sha256, f.size, f.name)
	}
	return b.Bytes()
}

// NotOursError says that a release file was written by another program.
type NotOursError struct{ File string }

func (e *NotOursError) Error() string { return e.File + " was not written by envbuild" }

// Hint says what to do.
func (e *NotOursError) Hint() string {
	return "make a repository in a new directory and add the old one's packages to it"
}

var errRelease = errors.New("not a release file, or a damaged one")

// parseRelease reads what encode wrote.
func parseRelease(text []byte) (*release, error) {
	fields, err := reader.ParseControl(string(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRelease, err)
	}
	p := reader.Package{Fields: fields}
	r := &release{
		origin: p.Field("Origin"), label: p.Field("Label"), suite: p.Field("Suite"), codename: p.Field("Codename"),
		description:   p.Field("Description"),
		architectures: strings.Fields(p.Field("Architectures")), components: strings.Fields(p.Field("Components")),
	}
	if r.date, err = time.Parse(dateForm, p.Field("Date")); err != nil {
		return nil, fmt.Errorf("%w: date %q", errRelease, p.Field("Date"))
	}
	number, sum, ok := strings.Cut(p.Field(generationField), " ")
	if !ok {
		return nil, &NotOursError{"the release file"}
	}
	if r.generation.Number, err = strconv.Atoi(number); err != nil || r.generation.Number < 1 {
		return nil, fmt.Errorf("%w: generation %q", errRelease, number)
	}
	if r.generation.SHA256, err = digest.Parse(sum); err != nil {
		return nil, fmt.Errorf("%w: %w", errRelease, err)
	}
	for line := range strings.Lines(p.Field("SHA256")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f, err := parseReleaseFile(line)
		if err != nil {
			return nil, err
		}
		r.files = append(r.files, f)
	}
	return r, nil
}

func parseReleaseFile(line string) (f releaseFile, err error) {
	cols := strings.Fields(line)
	if len(cols) != 3 {
		return f, fmt.Errorf("%w: line %q", errRelease, line)
	}
	f.name = cols[2]
	if f.sha256, err = digest.Parse(cols[0]); err != nil {
		return f, fmt.Errorf("%w: %w", errRelease, err)
	}
	if f.size, err = strconv.ParseInt(cols[1], 10, 64); err != nil || f.size < 0 {
		return f, fmt.Errorf("%w: size %q", errRelease, cols[1])
	}
	if f.name != path.Clean(f.name) || strings.HasPrefix(f.name, "/") || strings.HasPrefix(f.name, "..") {
		return f, fmt.Errorf("%w: file name %q", errRelease, f.name)
	}
	return f, nil
}

// releaseOf makes the release file of a generation.
func releaseOf(g *generation, ref generationRef) *release {
	s := g.Settings
	r := &release{
		origin: s.Origin, label: s.Label, suite: s.Suite, codename: path.Base(s.Distribution), description: s.Description,
		date: g.Date, architectures: s.Architectures, components: s.Components, generation: ref,
	}
	for _, ix := range g.Indexes {
		for v := plain; v < variants; v++ {
			if f, ok := ix.Files[v.ending()]; ok {
				r.files = append(r.files, releaseFile{ix.file(v), f.Size, f.SHA256})
			}
		}
	}
	slices.SortFunc(r.files, func(a, b releaseFile) int { return strings.Compare(a.name, b.name) })
	return r
}
