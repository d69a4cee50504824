package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"mvdan.cc/sh/v3/shell"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/atomicfile"
)

// signing says who signs a repository.
type signing struct {
	// Keys are paths of secret keys, GPG what gpg finds keys by, Commands what
	// signs by itself.
	Keys     []string `json:"keys,omitempty"`
	GPG      []string `json:"gpg,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// PassphraseFile is the path of a file with the passphrase of the keys.
	PassphraseFile string `json:"passphrase_file,omitempty"`
}

func (s signing) empty() bool { return len(s.Keys)+len(s.GPG)+len(s.Commands) == 0 }

// The variables that a passphrase is read from, or the path of its file.
const (
	passphraseEnv     = "ENVBUILD_SIGN_PASSPHRASE"
	passphraseFileEnv = "ENVBUILD_SIGN_PASSPHRASE_FILE"
)

func signingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "sign-key", Usage: "sign with the secret key in `FILE`; twice while keys are changed"},
		&cli.StringSliceFlag{Name: "sign-gpg", Usage: "sign through gpg with the key `ID`: its agent, a smart card"},
		&cli.StringSliceFlag{Name: "sign-command", Usage: "sign through `COMMAND`, called with inline, detached or public"},
		&cli.StringFlag{Name: "passphrase-file", Usage: "read the keys' passphrase from `FILE` (or " + passphraseEnv + ")"},
	}
}

// signingOf reads the flags.
func (p *program) signingOf(c *cli.Context) signing {
	s := signing{GPG: c.StringSlice("sign-gpg"), Commands: c.StringSlice("sign-command")}
	for _, path := range c.StringSlice("sign-key") {
		s.Keys = append(s.Keys, p.abs(path))
	}
	if path := c.String("passphrase-file"); path != "" {
		s.PassphraseFile = p.abs(path)
	}
	return s
}

// signers opens the keys.
func (p *program) signers(s signing) ([]repo.Signer, error) {
	var out []repo.Signer
	for _, path := range s.Keys {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		k, err := sign.NewKeyFile(path, data, func() ([]byte, error) { return p.passphrase(path, s.PassphraseFile) }, p.now)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	for _, id := range s.GPG {
		out = append(out, &sign.GPG{Program: "gpg", Key: id, Env: p.environ})
	}
	for _, command := range s.Commands {
		argv, err := shell.Fields(command, p.getenv)
		if err != nil || len(argv) == 0 {
			return nil, &usageError{message: fmt.Sprintf("the signing command %q can't be read: %v", command, err)}
		}
		out = append(out, &sign.Command{Argv: argv, Env: p.environ})
	}
	return out, nil
}

func (p *program) passphrase(key, file string) ([]byte, error) {
	if secret, ok := p.lookupEnv(passphraseEnv); ok {
		return []byte(secret), nil
	}
	if file == "" {
		file = p.getenv(passphraseFileEnv)
	}
	if file == "" {
		return nil, &usageError{
			message: "the key " + key + " has a passphrase",
			hint:    "set " + passphraseEnv + ", or name a file: --passphrase-file",
		}
	}
	data, err := os.ReadFile(p.abs(file))
	return []byte(strings.TrimRight(string(data), "\r\n")), err
}

// signingFile is where a folder remembers who signs it: so `repo add` needs no
// flags. It may name commands, so it is believed only if nobody else can have
// written it.
func signingFile(root string) string {
	return filepath.Join(root, ".envbuild", "local", "signing.json")
}

func saveSigning(root string, s signing) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	path := signingFile(root)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

// readSigning reads what saveSigning wrote, or nothing.
func readSigning(root string) (s signing, err error) {
	path := signingFile(root)
	f, err := os.Open(path)
	if notExist(err) {
		return s, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return s, &usageError{message: "who signs " + root + " is known to its owner alone: " + err.Error(), hint: "name a key: --sign-key FILE"}
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != uint32(os.Geteuid()) && owner != 0 || info.Mode().Perm()&0o022 != 0 {
		return s, &usageError{message: path + " can be written by others, and is not believed", hint: "name a key: --sign-key FILE"}
	}
	if err := json.NewDecoder(f).Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// repoOptions are those of every repository that is written to.
func (p *program) repoOptions(_ context.Context, s signing, notice func(string)) (repo.Options, error) {
	opts := repo.Options{Now: p.now, Notice: notice}
	var err error
	if opts.Signers, err = p.signers(s); err != nil {
		return opts, err
	}
	opts.XZ = p.xz()
	return opts, nil
}
