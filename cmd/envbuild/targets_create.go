package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/pkgspec"
)

// keeper keeps the repository of a target: it opens its keys, and makes it.
type keeper struct {
	*session
	target  pkgspec.PublishTarget
	storage located
}

// options are those of the repository, with the keys of the spec, else those that
// `envbuild repo init` was given. passphraseFile is "" unless it is known.
func (k *keeper) options(ctx context.Context, passphraseFile string) (repo.Options, error) {
	var keys signing
	for _, s := range k.target.Sign {
		switch {
		case s.Key != "":
			keys.Keys = append(keys.Keys, k.inProject(s.Key))
		case s.GPG != "":
			keys.GPG = append(keys.GPG, s.GPG)
		}
	}
	if len(k.target.Sign) == 0 {
		var err error
		if keys, err = k.savedKeys(); err != nil {
			return repo.Options{}, err
		}
	}
	if passphraseFile != "" {
		keys.PassphraseFile = passphraseFile
	}
	if c := k.target.Create; c != nil && c.Key {
		if err := k.makeKey(ctx, keys.Keys[0]); err != nil {
			return repo.Options{}, err
		}
	}
	opts, err := k.repoOptions(ctx, keys, k.publishNotice)
	for _, s := range k.target.Sign {
		if len(s.Command) > 0 {
			opts.Signers = append(opts.Signers, &sign.Command{Argv: s.Command, Env: k.environ})
		}
	}
	return opts, err
}

// savedKeys are those that a local folder remembers.
func (k *keeper) savedKeys() (signing, error) {
	var keys signing
	if k.target.Dir != "" {
		var err error
		if keys, err = readSigning(k.inProject(k.target.Dir)); err != nil {
			return keys, err
		}
	}
	if keys.empty() {
		return keys, k.spec.ErrorAt("the target "+k.target.Name+" has no key to sign with",
			"add it like this: sign: {key: /etc/envbuild/apt-signing.asc}", "publish", k.target.Name)
	}
	return keys, nil
}

// makeKey makes a secret key if its file isn't there and nothing is signed with it
// yet.
func (k *keeper) makeKey(ctx context.Context, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := repo.Open(ctx, k.storage, repo.Options{Now: k.now})
	var none *repo.NotFoundError
	if err == nil {
		return k.spec.ErrorAt("the key "+path+" is missing, with which the repository at "+k.storage.Location("")+" is signed",
			"bring it from where the repository was made", "publish", k.target.Name, "sign", "key")
	}
	if !errors.As(err, &none) {
		return err
	}
	name, mail := k.target.Name+" packages", ""
	if _, address, ok := strings.Cut(k.spec.Maintainer, "<"); ok {
		mail = strings.TrimSuffix(address, ">")
	}
	secret, err := sign.Generate(name, mail, k.now())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Never over a key that somebody else made meanwhile.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	k.publishNotice("made the secret key " + path + ": keep it safe, since it is what servers trust")
	return nil
}

// howToMake says what makes the repository of a target.
func (k *keeper) howToMake() string {
	t := k.target
	const inSpec = "let the spec make it: create: {}"
	if t.Dir == "" {
		return inSpec
	}
	component := ""
	if t.Component != "main" {
		component = " --component " + t.Component
	}
	return fmt.Sprintf("envbuild repo init --distribution %s%s %s %s, or %s", t.Distribution, component, k.signFlags(t), k.inProject(t.Dir), inSpec)
}

// create makes the repository, or the distribution in it, as the spec says.
func (k *keeper) create(ctx context.Context, opts repo.Options) (*repo.Repository, error) {
	c, t := k.target.Create, k.target
	setup := repo.Setup{URL: c.URL, Settings: repo.Settings{
		Distribution: t.Distribution, Components: []string{t.Component}, Architectures: c.Architectures,
		Origin: c.Origin, Label: c.Label, Description: c.Description,
	}}
	if setup.Settings.Origin == "" {
		setup.Settings.Origin = t.Name
	}
	if setup.Settings.Label == "" {
		setup.Settings.Label = setup.Settings.Origin
	}
	if len(c.Architectures) == 0 {
		arch, err := deb.Arch(runtime.GOARCH)
		if err != nil {
			return nil, err
		}
		setup.Settings.Architectures = []string{arch}
	}
	if c.Contents {
		setup.Contents = &c.Contents
	}
	old, err := repo.Open(ctx, k.storage, opts)
	var none *repo.NotFoundError
	switch {
	case errors.As(err, &none):
		setup.Name = repoName(setup.Settings.Origin)
	case err != nil:
		return nil, err
	case slices.Contains(old.Distributions(), t.Distribution):
		return old, nil // somebody was faster
	}
	r, err := k.init(ctx, setup, opts)
	if err == nil {
		k.publishNotice("made the distribution " + t.Distribution + " at " + k.storage.Location(""))
	}
	return r, err
}

// init makes it, with the files for clients: the keyring, its package, and the
// sources.
func (k *keeper) init(ctx context.Context, setup repo.Setup, opts repo.Options) (r *repo.Repository, err error) {
	dir, err := os.MkdirTemp("", "envbuild-repo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var keyring string
	setup.Keyring = func(ctx context.Context, ring repo.Keyring) (string, error) {
		path, err := k.keyringPackage(ctx, dir, ring)
		keyring = path
		return path, err
	}
	if r, err = repo.Init(ctx, k.storage, setup, opts); err != nil {
		return nil, err
	}
	if _, err := r.WriteClientFiles(ctx, k.clientURL()); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(keyring)
	if err != nil {
		return nil, err
	}
	return r, k.storage.Replace(ctx, r.Name()+"-archive-keyring.deb", data, repo.Any)
}

// clientURL is where apt finds the repository, unless the spec says it.
func (k *keeper) clientURL() string {
	switch t := k.target; {
	case t.Dir != "":
		return fileURL(k.inProject(t.Dir))
	case t.S3 != nil && t.S3.Endpoint != "":
		return strings.TrimSuffix(t.S3.Endpoint+"/"+t.S3.Bucket+"/"+t.S3.Prefix, "/")
	case t.S3 != nil:
		return strings.TrimSuffix("https://"+t.S3.Bucket+".s3.amazonaws.com/"+t.S3.Prefix, "/")
	}
	return k.storage.Location("") // apt has a method for ssh
}
