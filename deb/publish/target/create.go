package target

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

// keys are those of the spec, else those that the repository was made with.
func (o *opening) keys(ctx context.Context, r *managed.Repository) (keys managed.Keys, err error) {
	for _, s := range o.Sign {
		switch {
		case s.Key != "":
			keys.Files = append(keys.Files, o.inProject(s.Key))
		case s.GPG != "":
			keys.GPG = append(keys.GPG, s.GPG)
		default:
			keys.Programs = append(keys.Programs, s.Command)
		}
	}
	if len(o.Sign) == 0 {
		if keys, err = r.RememberedKeys(); err != nil {
			return keys, err
		}
	}
	if keys.Empty() {
		return keys, o.Spec.ErrorAt("the target "+o.Name+" has no key to sign with",
			"add it like this: sign: {key: /etc/envbuild/apt-signing.asc}", "publish", o.Name)
	}
	if c := o.Create; c != nil && c.Key {
		return keys, o.makeKey(ctx, r, keys.Files[0])
	}
	return keys, nil
}

// makeKey makes a secret key if its file isn't there and nothing is signed with it
// yet.
func (o *opening) makeKey(ctx context.Context, r *managed.Repository, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := r.Open(ctx)
	var none *repo.NotFoundError
	if err == nil {
		return o.Spec.ErrorAt("the key "+path+" is missing, with which the repository at "+r.Storage.Location("")+" is signed",
			"bring it from where the repository was made", "publish", o.Name, "sign", "key")
	}
	if !errors.As(err, &none) {
		return err
	}
	name, mail := o.Name+" packages", ""
	if _, address, ok := strings.Cut(o.Spec.Maintainer, "<"); ok {
		mail = strings.TrimSuffix(address, ">")
	}
	secret, err := sign.Generate(name, mail, o.Now())
	if err != nil {
		return err
	}
	if err := writeNew(path, secret); err != nil {
		return err
	}
	o.Notice("made the secret key " + path + ": keep it safe, since it is what servers trust")
	return nil
}

// writeNew writes a secret, never over one that somebody else made meanwhile.
func writeNew(path string, secret []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// setup is what the spec says of a new repository.
func (o *opening) setup() repo.Setup {
	c := o.Create
	s := repo.Setup{URL: c.URL, Settings: repo.Settings{
		Distribution: o.Distribution, Components: []string{o.Component}, Architectures: c.Architectures,
		Origin: c.Origin, Label: c.Label, Description: c.Description,
	}}
	if s.Settings.Origin == "" {
		s.Settings.Origin = o.Name
	}
	if s.Settings.Label == "" {
		s.Settings.Label = s.Settings.Origin
	}
	if c.Contents {
		s.Contents = &c.Contents
	}
	return s
}

// explainCreation says what makes the repository.
func (o *opening) explainCreation(r *managed.Repository) string {
	const inSpec = "let the spec make it: create: {}"
	if r.Root == "" {
		return inSpec
	}
	component := ""
	if o.Component != "main" {
		component = " --component " + o.Component
	}
	return fmt.Sprintf("envbuild repo init --distribution %s%s %s %s, or %s", o.Distribution, component, o.signFlags(), r.Root, inSpec)
}

// signFlags are those of `envbuild repo init` that name the target's keys.
func (o *opening) signFlags() string {
	var flags []string
	for _, k := range o.Sign {
		switch {
		case k.Key != "":
			flags = append(flags, "--sign-key "+o.inProject(k.Key))
		case k.GPG != "":
			flags = append(flags, "--sign-gpg "+k.GPG)
		default:
			flags = append(flags, fmt.Sprintf("--sign-command %q", strings.Join(k.Command, " ")))
		}
	}
	if len(flags) == 0 {
		return "--sign-key FILE"
	}
	return strings.Join(flags, " ")
}
