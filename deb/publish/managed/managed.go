// Package managed keeps the repositories that envbuild manages itself, wherever
// they are stored: it opens the keys that sign them, and makes them with the
// files by which clients find them.
package managed

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/environ"
)

// Options are what a repository needs of whoever works with it.
type Options struct {
	// Environ is the caller's environment.
	Environ []string
	Now     func() time.Time
	// XZ is the path of the program xz, or empty where it isn't installed.
	XZ string
	// Notice is told what a person should know.
	Notice func(message string)
}

// Getenv is a variable of the caller's.
func (o Options) Getenv(name string) string { return environ.Environ(o.Environ).Get(name) }

// Storage is a repo.Storage that knows the addresses of its files.
type Storage interface {
	repo.Storage
	// Location is the address of a file, or of the whole for "".
	Location(file string) string
}

// Repository is a repository, which need not be there yet.
type Repository struct {
	Options
	Storage Storage
	// Root is the path of the directory, or "" for a storage elsewhere.
	Root string
	// URL is where apt finds it, unless it is made with another.
	URL string
	// SpecKeys returns the keys that sign it if none are named; nil is those that a
	// local directory remembers.
	SpecKeys func(context.Context) (Keys, error)
}

// Local is a repository in a local directory, which has an absolute path.
func Local(root string, opts Options) *Repository {
	storage := directory{repo.NewDirectory(root, opts.Now)}
	return &Repository{Options: opts, Storage: storage, Root: storage.Root(), URL: (&url.URL{Scheme: "file", Path: storage.Root()}).String()}
}

// directory is a local directory, whose files' addresses are paths.
type directory struct{ *repo.Directory }

// Location implements Storage.
func (d directory) Location(file string) string {
	return filepath.Join(d.Root(), filepath.FromSlash(file))
}

// Open opens the repository to be read.
func (r *Repository) Open(ctx context.Context) (*repo.Repository, error) {
	return repo.Open(ctx, r.Storage, repo.Options{Now: r.Now, XZ: r.XZ})
}

// OpenToWrite opens the repository to be changed, signed with the keys if they
// aren't empty.
func (r *Repository) OpenToWrite(ctx context.Context, keys Keys) (*repo.Repository, error) {
	opts, err := r.WriteOptions(ctx, keys)
	if err != nil {
		return nil, err
	}
	return repo.Open(ctx, r.Storage, opts)
}

// WriteOptions are those by which the repository is changed, with its keys opened.
func (r *Repository) WriteOptions(ctx context.Context, keys Keys) (repo.Options, error) {
	opts := repo.Options{Now: r.Now, XZ: r.XZ, Notice: r.Notice}
	if keys.Empty() {
		own, err := r.ownKeys(ctx)
		if err != nil {
			return opts, err
		}
		if keys.PassphraseFile != "" {
			own.PassphraseFile = keys.PassphraseFile
		}
		keys = own
	}
	var err error
	opts.Signers, err = r.signers(keys)
	return opts, err
}

func (r *Repository) ownKeys(ctx context.Context) (Keys, error) {
	if r.SpecKeys != nil {
		return r.SpecKeys(ctx)
	}
	return r.RememberedKeys()
}

// RememberedKeys are those that a local directory was made with, if any.
func (r *Repository) RememberedKeys() (Keys, error) {
	if r.Root == "" {
		return Keys{}, nil
	}
	return readKeys(r.Root)
}

// Made is what was made for clients, by names in the storage.
type Made struct {
	Repository *repo.Repository
	repo.ClientFiles
	// KeyringPackage brings the keyring.
	KeyringPackage string
}

// Init makes the repository, or the distribution in it, or changes either, and
// writes the files for clients: the keyring, its package, and the sources. What a
// new one needs and setup doesn't say is taken from the machine and the directory.
// A local directory remembers the keys, if they are named.
func (r *Repository) Init(ctx context.Context, setup repo.Setup, keys Keys) (Made, error) {
	opts, err := r.WriteOptions(ctx, keys)
	if err != nil {
		return Made{}, err
	}
	if _, err := os.Stat(r.Root); r.Root != "" && errors.Is(err, fs.ErrNotExist) {
		r.Notice("making " + r.Root)
	}
	return r.init(ctx, setup, keys, opts)
}

func (r *Repository) init(ctx context.Context, setup repo.Setup, keys Keys, opts repo.Options) (made Made, err error) {
	if setup, err = r.complete(ctx, setup); err != nil {
		return made, err
	}
	dir, err := os.MkdirTemp("", "envbuild-repo-")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var keyring string
	setup.Keyring = func(ctx context.Context, k repo.Keyring) (string, error) {
		path, err := r.writeKeyringPackage(ctx, dir, k)
		keyring = path
		return path, err
	}
	if made.Repository, err = repo.Init(ctx, r.Storage, setup, opts); err != nil {
		return made, err
	}
	if r.Root != "" && !keys.Empty() {
		if err := saveKeys(r.Root, keys); err != nil {
			return made, err
		}
	}
	if made.ClientFiles, err = made.Repository.WriteClientFiles(ctx, r.URL); err != nil {
		return made, err
	}
	data, err := os.ReadFile(keyring)
	if err != nil {
		return made, err
	}
	made.KeyringPackage = made.Repository.Name() + "-archive-keyring.deb"
	return made, r.Storage.Replace(ctx, made.KeyringPackage, data, repo.Any)
}

// complete fills in what a new repository, or a new distribution, needs.
func (r *Repository) complete(ctx context.Context, setup repo.Setup) (repo.Setup, error) {
	old, err := repo.Open(ctx, r.Storage, repo.Options{})
	var none *repo.NotFoundError
	if err != nil && !errors.As(err, &none) {
		return setup, err
	}
	if old != nil && slices.Contains(old.Distributions(), setup.Settings.Distribution) {
		return setup, nil
	}
	if old == nil && setup.Settings.Origin == "" {
		setup.Settings.Origin = filepath.Base(r.Root)
	}
	if old == nil && setup.Name == "" {
		setup.Name = nameFor(setup.Settings.Origin)
	}
	if len(setup.Settings.Architectures) == 0 {
		arch, err := deb.Arch(runtime.GOARCH)
		if err != nil {
			return setup, err
		}
		setup.Settings.Architectures = []string{arch}
	}
	return setup, nil
}

// Create makes the repository, or the distribution in it, unless another publisher
// created it first.
func (r *Repository) Create(ctx context.Context, setup repo.Setup, opts repo.Options) (*repo.Repository, error) {
	old, err := repo.Open(ctx, r.Storage, opts)
	var none *repo.NotFoundError
	switch {
	case err != nil && !errors.As(err, &none):
		return nil, err
	case err == nil && slices.Contains(old.Distributions(), setup.Settings.Distribution):
		return old, nil
	}
	made, err := r.init(ctx, setup, Keys{}, opts)
	if err != nil {
		return nil, err
	}
	r.Notice("made the distribution " + setup.Settings.Distribution + " at " + r.Storage.Location(""))
	return made.Repository, nil
}

// nameFor makes a name for files and packages of a text.
func nameFor(text string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '+':
			return r
		}
		return '-'
	}, text), "-.+")
	if len(name) < 2 {
		return "internal"
	}
	return name
}
