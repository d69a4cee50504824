package managed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/shell"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/environ"
)

// Keys say who signs a repository.
type Keys struct {
	// Files are paths of secret keys, GPG what gpg finds keys by, Commands what
	// signs by itself, in a shell's words.
	Files    []string `json:"keys,omitempty"`
	GPG      []string `json:"gpg,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// PassphraseFile is the path of a file with the passphrase of the keys.
	PassphraseFile string `json:"passphrase_file,omitempty"`
	// Programs are argument lists of what signs by itself.
	Programs [][]string `json:"-"`
}

// Empty reports whether nobody signs.
func (k Keys) Empty() bool { return len(k.Files)+len(k.GPG)+len(k.Commands)+len(k.Programs) == 0 }

// The variables that a passphrase is read from, or the path of its file.
const (
	PassphraseEnv     = "ENVBUILD_SIGN_PASSPHRASE"
	passphraseFileEnv = "ENVBUILD_SIGN_PASSPHRASE_FILE"
)

// signers opens the keys.
func (o Options) signers(k Keys) ([]repo.Signer, error) {
	var out []repo.Signer
	for _, path := range k.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := sign.NewKeyFile(path, data, func() ([]byte, error) { return o.passphrase(path, k.PassphraseFile) }, o.Now)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, id := range k.GPG {
		out = append(out, &sign.GPG{Program: "gpg", Key: id, Env: o.Environ})
	}
	programs := k.Programs
	for _, command := range k.Commands {
		argv, err := shell.Fields(command, o.Getenv)
		if err != nil || len(argv) == 0 {
			return nil, &publish.UsageError{Message: fmt.Sprintf("the signing command %q can't be read: %v", command, err)}
		}
		programs = append(programs, argv)
	}
	for _, argv := range programs {
		out = append(out, &sign.Command{Argv: argv, Env: o.Environ})
	}
	return out, nil
}

func (o Options) passphrase(key, file string) ([]byte, error) {
	if secret, ok := environ.Environ(o.Environ).Lookup(PassphraseEnv); ok {
		return []byte(secret), nil
	}
	if file == "" {
		file = o.Getenv(passphraseFileEnv)
	}
	if file == "" {
		return nil, &publish.UsageError{
			Message: "the key " + key + " has a passphrase",
			Help:    "set " + PassphraseEnv + ", or name a file: --passphrase-file, or " + passphraseFileEnv,
		}
	}
	data, err := os.ReadFile(file)
	return []byte(strings.TrimRight(string(data), "\r\n")), err
}

// keysFile is where a local directory remembers who signs it: so `repo add` needs
// no flags. It may name commands, so it is believed only if nobody else can have
// written it.
func keysFile(root string) string { return filepath.Join(root, ".envbuild", "local", "signing.json") }

func saveKeys(root string, k Keys) error {
	data, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	path := keysFile(root)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

// readKeys reads what saveKeys wrote, or nothing.
func readKeys(root string) (k Keys, err error) {
	path := keysFile(root)
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k, nil
	case errors.Is(err, fs.ErrPermission):
		return k, &publish.UsageError{Message: "only its owner can read who signs " + root + ": " + err.Error(), Help: "name a key: --sign-key FILE"}
	case err != nil:
		return k, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return k, err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != uint32(os.Geteuid()) && owner != 0 || info.Mode().Perm()&0o022 != 0 {
		return k, &publish.UsageError{Message: path + " can be written by others, and is not believed", Help: "name a key: --sign-key FILE"}
	}
	if err := json.NewDecoder(f).Decode(&k); err != nil {
		return k, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
