package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// key is a signing key in a keyring of gpg and in a file.
type key struct {
	id, file string
	env      []string
}

func newKey(home string) (*key, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	k := &key{id: "bench@example.org", file: filepath.Join(home, "key.asc"), env: append(os.Environ(), "GNUPGHOME="+home, "LC_ALL=C.UTF-8")}
	if err := k.run("", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", k.id, "ed25519", "sign", "never"); err != nil {
		return nil, err
	}
	return k, k.run("", "gpg", "--batch", "--armor", "--output", k.file, "--export-secret-keys", k.id)
}

// stop ends gpg's agent.
func (k *key) stop() error { return k.run("", "gpgconf", "--kill", "all") }

func (k *key) run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, k.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args[:min(len(args), 6)], " "), err, out.String())
	}
	return nil
}

// base is what the contestants have in common.
type base struct {
	dir string
	key *key
}

func (b base) run(name string, args ...string) error { return b.key.run(b.dir, name, args...) }

func (b base) write(name, text string) error {
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

type envbuild struct {
	base
	program, sign, title string
}

func (e *envbuild) name() string { return e.title }

func (e *envbuild) prepare() error {
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return err
	}
	return e.run(e.program, "repo", "init", "--distribution", "bookworm", e.sign, "--architecture", "amd64", e.dir)
}

func (e *envbuild) add(paths []string) error {
	return e.run(e.program, append([]string{"repo", "add", e.dir}, paths...)...)
}

type reprepro struct{ base }

func (r *reprepro) name() string { return "reprepro" }

func (r *reprepro) prepare() error {
	return r.write("conf/distributions", "Codename: bookworm\nOrigin: Bench\nComponents: main\nArchitectures: amd64\nSignWith: "+r.key.id+"\n")
}

func (r *reprepro) add(paths []string) error {
	return r.run("reprepro", append([]string{"--basedir", r.dir, "includedeb", "bookworm"}, paths...)...)
}

// aptly makes no Contents, as envbuild doesn't unless it is asked to.
type aptly struct{ base }

func (a *aptly) name() string { return "aptly" }

func (a *aptly) aptly(args ...string) error {
	return a.run("aptly", append([]string{"-config=" + filepath.Join(a.dir, "aptly.conf")}, args...)...)
}

func (a *aptly) prepare() error {
	if err := a.write("aptly.conf", fmt.Sprintf("{\"rootDir\": %q, \"gpgProvider\": \"gpg2\"}\n", a.dir)); err != nil {
		return err
	}
	if err := a.aptly("repo", "create", "-distribution=bookworm", "bench"); err != nil {
		return err
	}
	return a.aptly("publish", "repo", "-batch", "-skip-contents", "-architectures=amd64", "-gpg-key="+a.key.id, "bench")
}

func (a *aptly) add(paths []string) error {
	if err := a.aptly(append([]string{"repo", "add", "bench"}, paths...)...); err != nil {
		return err
	}
	return a.aptly("publish", "update", "-batch", "-skip-contents", "-gpg-key="+a.key.id, "bookworm")
}

// ftparchive is the usual chain of apt-ftparchive with a database, and gpg.
type ftparchive struct{ base }

func (f *ftparchive) name() string { return "apt-ftparchive" }

func (f *ftparchive) prepare() error {
	const config = `Dir { ArchiveDir "."; CacheDir "cache"; };
Default { Packages::Compress ". gzip xz"; Contents::Compress "gzip"; };
TreeDefault { Directory "pool"; BinCacheDB "packages.db"; Contents " "; };
Tree "dists/bookworm" { Sections "main"; Architectures "amd64"; };
`
	for _, dir := range []string{"pool", "cache", "dists/bookworm/main/binary-amd64"} {
		if err := os.MkdirAll(filepath.Join(f.dir, dir), 0o755); err != nil {
			return err
		}
	}
	return f.write("apt-ftparchive.conf", config)
}

func (f *ftparchive) add(paths []string) error {
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := f.write("pool/"+filepath.Base(path), string(data)); err != nil {
			return err
		}
	}
	script := `apt-ftparchive generate apt-ftparchive.conf
apt-ftparchive -o APT::FTPArchive::Release::Codename=bookworm release dists/bookworm >Release.new
mv Release.new dists/bookworm/Release
gpg --batch --yes --local-user "$1" --clear-sign --output dists/bookworm/InRelease dists/bookworm/Release
gpg --batch --yes --local-user "$1" --armor --detach-sign --output dists/bookworm/Release.gpg dists/bookworm/Release`
	return f.run("sh", "-euc", script, "sh", f.key.id)
}
