package repo

import (
	"context"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// Signer signs Release files with one key.
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
	// are there while clients move from one key to the next.
	Signers []Signer
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Notice, if not nil, is told what a person may want to know meanwhile: that
	// another publisher is waited for.
	Notice func(message string)
}

// Place is where packages are put. Empty parts stand for the only one there is.
type Place struct{ Distribution, Component string }

// Published is a package in a place of the repository.
type Published struct {
	Place
	Package, Version, Architecture string
	// File is its name in the storage.
	File   string
	Size   int64
	SHA256 digest.SHA256
	// Already says that it was there with the same bytes.
	Already bool
	// Generation is the number of the first that has it, if this call made it, else
	// of the current one.
	Generation int
}

// The methods of a Repository that others build on:
//
//	Open(ctx, Storage, Options) (*Repository, error)
//	Init(ctx, Storage, Settings, Options) (*Repository, error)
//	(*Repository) Add(ctx, Place, paths []string) ([]Published, error)
