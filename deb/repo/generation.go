package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// generation is the record of one state of a distribution. It is named by its
// digest, which the signed release file says: so everything that publishers
// build on is covered by the signature.
type generation struct {
	Format int `json:"format"`
	Number int `json:"number"`
	// Date is that of the release file.
	Date time.Time `json:"date"`
	// Action says for people what made it: "add hello 1.0 amd64".
	Action string `json:"action"`
	// Parent is the generation before, if there was one.
	Parent   *generationRef `json:"parent,omitempty"`
	Settings Settings       `json:"settings"`
	Indexes  []indexRef     `json:"indexes"`
}

const generationFormat = 1

// generationRef names a generation of a distribution.
type generationRef struct {
	Number int           `json:"number"`
	SHA256 digest.SHA256 `json:"sha256"`
}

func (g *generation) encode() ([]byte, error) {
	b, err := json.MarshalIndent(g, "", " ")
	return append(b, '\n'), err
}

// parseGeneration reads what encode wrote.
func parseGeneration(b []byte) (*generation, error) {
	g := &generation{}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(g); err != nil {
		return nil, err
	}
	if g.Format != generationFormat {
		return nil, fmt.Errorf("its format is %d; this version of envbuild reads %d", g.Format, generationFormat)
	}
	if err := g.Settings.check(); err != nil {
		return nil, err
	}
	seen := map[indexID]bool{}
	for _, ix := range g.Indexes {
		if ix.Kind != packagesKind && ix.Kind != contentsKind || !validArch(ix.Architecture) || !validComponent(ix.Component) || seen[ix.indexID] {
			return nil, fmt.Errorf("index %+v", ix.indexID)
		}
		seen[ix.indexID] = true
	}
	return g, nil
}

// index returns the reference of an index, or nil.
func (g *generation) index(id indexID) *indexRef {
	for i := range g.Indexes {
		if g.Indexes[i].indexID == id {
			return &g.Indexes[i]
		}
	}
	return nil
}

// ids are the indexes that the settings ask for, in the order of the release file.
func (s Settings) ids() []indexID {
	var out []indexID
	for _, c := range s.Components {
		for _, a := range s.Architectures {
			out = append(out, indexID{packagesKind, c, a})
			if s.Contents {
				out = append(out, indexID{contentsKind, c, a})
			}
		}
	}
	return out
}

// readGeneration reads a record and checks it against its name.
func readGeneration(ctx context.Context, s Storage, dist string, ref generationRef) (*generation, error) {
	name := generationName(dist, ref)
	b, err := readDigest(ctx, s, name, ref.SHA256)
	if err != nil {
		return nil, err
	}
	g, err := parseGeneration(b)
	if err == nil && (g.Number != ref.Number || g.Settings.Distribution != dist) {
		err = errors.New("it is the record of another generation")
	}
	if err != nil {
		return nil, &StateError{name, err}
	}
	return g, nil
}

// maxState bounds what is read into memory: tables of a million packages have a
// tenth of it.
const maxState = 256 << 20

// readAll reads a file.
func readAll(ctx context.Context, s Storage, name string) ([]byte, *File, error) {
	f, err := s.Get(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(b) > maxState {
		err = fmt.Errorf("it has more than %d bytes", maxState)
	}
	if err != nil {
		return nil, nil, &StateError{name, err}
	}
	return b, f, nil
}

// readDigest reads a file that must have a digest.
func readDigest(ctx context.Context, s Storage, name string, want digest.SHA256) ([]byte, error) {
	b, _, err := readAll(ctx, s, name)
	if err != nil {
		return nil, err
	}
	if got := digest.Sum(b); got != want {
		return nil, &StateError{name, fmt.Errorf("its SHA-256 is %s, not %s", got, want)}
	}
	return b, nil
}
