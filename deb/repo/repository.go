package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/digest"
)

// Signer signs release files with one key.
type Signer interface {
	// Sign returns the release file with a clear text signature, as in InRelease,
	// and a detached armored signature, as in Release.gpg.
	Sign(ctx context.Context, release []byte) (inline, detached []byte, err error)
	// PublicKey returns the key that clients need, as a binary OpenPGP keyring.
	PublicKey(ctx context.Context) ([]byte, error)
}

// Options are what a repository needs besides its storage.
type Options struct {
	// Signers all sign every generation; without one nothing can be published. Two
	// are there while clients move from one key to the next. What is published on
	// must be signed by one of them: a publisher never signs what a stranger put
	// into the storage.
	Signers []Signer
	// XZ is the path of the program xz, or empty: then there are no .xz indexes.
	XZ string
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Notice, if not nil, is told what a person may want to know meanwhile: that
	// another publisher is waited for.
	Notice func(message string)
}

// Repository is an apt repository in a storage. Its methods may be called by
// several goroutines, processes and machines at once.
type Repository struct {
	storage Storage
	opts    Options
	config  config
}

// Place is where packages are put. Empty parts stand for the only one there is.
type Place struct{ Distribution, Component string }

// Published is a package in a place of the repository.
type Published struct {
	Distribution string        `json:"distribution"`
	Component    string        `json:"component"`
	Package      string        `json:"package"`
	Version      string        `json:"version"`
	Architecture string        `json:"architecture"`
	File         string        `json:"file"` // its name in the storage
	Size         int64         `json:"size"`
	SHA256       digest.SHA256 `json:"sha256"`
	// Already says that it was there with the same bytes.
	Already bool `json:"already,omitempty"`
}

// config is the file that says which distributions there are. What matters is in
// their generations, where it is signed.
type config struct {
	Format int `json:"format"`
	// Name begins the names of the client's files.
	Name string `json:"name"`
	// URL is where clients find the repository, or empty.
	URL           string   `json:"url,omitempty"`
	Distributions []string `json:"distributions"`
	// Keys are the public keys of the signers, a binary keyring; Serial counts how
	// often they were changed.
	Keys   []byte `json:"keys"`
	Serial int    `json:"serial"`

	version Version
	saved   []byte // as it was read
}

const configFormat = 1

func parseConfig(b []byte) (c config, err error) {
	if err := json.Unmarshal(b, &c); err != nil {
		return c, err
	}
	if c.Format != configFormat {
		return c, fmt.Errorf("its format is %d; this version of envbuild reads %d", c.Format, configFormat)
	}
	if !validName(c.Name) {
		return c, fmt.Errorf("name %q", c.Name)
	}
	for _, d := range c.Distributions {
		if !validDist(d) {
			return c, fmt.Errorf("distribution %q", d)
		}
	}
	return c, nil
}

func (c config) encode() ([]byte, error) {
	b, err := json.MarshalIndent(c, "", " ")
	return append(b, '\n'), err
}

func readConfig(ctx context.Context, s Storage) (config, error) {
	b, file, err := readAll(ctx, s, configName)
	if err != nil {
		return config{}, err
	}
	c, err := parseConfig(b)
	if err != nil {
		return config{}, &StateError{configName, err}
	}
	c.version, c.saved = file.Version, b
	return c, nil
}

// Open opens a repository. The error is a *NotFoundError if there is none.
func Open(ctx context.Context, s Storage, opts Options) (*Repository, error) {
	c, err := readConfig(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotFoundError{"there is no repository", "make one: envbuild repo init --distribution NAME --sign-key FILE DIR"}
	}
	if err != nil {
		return nil, err
	}
	return newRepository(s, opts, c), nil
}

func newRepository(s Storage, opts Options, c config) *Repository {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Notice == nil {
		opts.Notice = func(string) {}
	}
	return &Repository{storage: s, opts: opts, config: c}
}

// Distributions are the names of what the repository publishes.
func (r *Repository) Distributions() []string { return slices.Clone(r.config.Distributions) }

// Name begins the names of the files for clients.
func (r *Repository) Name() string { return r.config.Name }

// distribution completes a name that may be empty.
func (r *Repository) distribution(name string) (string, error) {
	all := r.config.Distributions
	switch {
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return "", &NotFoundError{"the repository has several distributions", "name one of " + oneOf(all)}
	case !slices.Contains(all, name):
		return "", &NotFoundError{fmt.Sprintf("the repository has no distribution %q", name), "it has " + oneOf(all)}
	}
	return name, nil
}

// component completes a name that may be empty.
func (s Settings) component(name string) (string, error) {
	switch {
	case name == "" && (len(s.Components) == 1 || slices.Contains(s.Components, "main")):
		if slices.Contains(s.Components, "main") {
			return "main", nil
		}
		return s.Components[0], nil
	case name == "":
		return "", &NotFoundError{s.Distribution + " has several components", "name one of " + oneOf(s.Components)}
	case !slices.Contains(s.Components, name):
		return "", &NotFoundError{fmt.Sprintf("%s has no component %q", s.Distribution, name), "it has " + oneOf(s.Components)}
	}
	return name, nil
}

// keyring is what the current generation must be signed with, to be built on.
func (r *Repository) keyring(ctx context.Context) (openpgp.EntityList, error) {
	if len(r.opts.Signers) == 0 {
		return nil, &SettingsError{"signing key", "", "is not given", "name one: --sign-key FILE, --sign-gpg ID or --sign-command CMD"}
	}
	var all openpgp.EntityList
	for _, s := range r.opts.Signers {
		b, err := s.PublicKey(ctx)
		if err != nil {
			return nil, err
		}
		keys, err := sign.Keyring(b)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

// state is the present state of a distribution.
type state struct {
	generation *generation
	ref        generationRef
	release    *release
	inline     []byte
	// detached is the signature of Release, where it was just made.
	detached []byte
	version  Version
	modified time.Time
}

// current reads a distribution's present state, or nil if there is none. The
// signature is checked against the keyring, unless it is nil.
func (r *Repository) current(ctx context.Context, dist string, keyring openpgp.EntityList) (*state, error) {
	name := inRelease(dist)
	b, file, err := readAll(ctx, r.storage, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := sign.Text(b)
	if err != nil {
		return nil, &StateError{name, err}
	}
	rel, err := parseRelease(text)
	var foreign *NotOursError
	if errors.As(err, &foreign) {
		return nil, &NotOursError{name}
	}
	if err != nil {
		return nil, &StateError{name, err}
	}
	if err := r.checkSignature(name, rel, b, keyring); err != nil {
		return nil, err
	}
	g, err := readGeneration(ctx, r.storage, dist, rel.generation)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(releaseOf(g, rel.generation).encode(), text) {
		return nil, &StateError{name, errors.New("it isn't what its generation's record says")}
	}
	return &state{generation: g, ref: rel.generation, release: rel, inline: b, version: file.Version, modified: file.Modified}, nil
}

// checkSignature checks who signed an InRelease file. The clocks of publishers
// may differ a little.
func (r *Repository) checkSignature(name string, rel *release, inline []byte, keyring openpgp.EntityList) error {
	if keyring == nil {
		return nil
	}
	now := r.opts.Now().Add(maxWait)
	if rel.date.After(now) {
		return &ClockError{Now: now.Add(-maxWait), Last: rel.date}
	}
	if _, _, err := sign.VerifyInline(keyring, inline, now); err != nil {
		return &StateError{name, err}
	}
	return nil
}

// mustCurrent is current for a distribution that has to be there.
func (r *Repository) mustCurrent(ctx context.Context, dist string, keyring openpgp.EntityList) (*state, error) {
	st, err := r.current(ctx, dist, keyring)
	if err == nil && st == nil {
		err = neverPublished(dist)
	}
	return st, err
}
