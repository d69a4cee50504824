package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/s3"
	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/servertest"
)

// located is a storage that knows addresses.
type located interface {
	repo.Storage
	Location(file string) string
}

// directory is a repo.Directory that knows paths.
type directory struct{ *repo.Directory }

func (f directory) Location(file string) string { return filepath.Join(f.Root(), file) }

// bucket and host are storages that don't tell when files were written. Then the
// clock can be one of the test's own, and nobody waits for the next second.
type (
	bucket struct{ *s3.Storage }
	host   struct{ *sftp.Storage }
)

func (b bucket) Get(ctx context.Context, name string) (*repo.File, error) {
	return timeless(b.Storage.Get(ctx, name))
}

func (h host) Get(ctx context.Context, name string) (*repo.File, error) {
	return timeless(h.Storage.Get(ctx, name))
}

func timeless(f *repo.File, err error) (*repo.File, error) {
	if err == nil {
		f.Modified = time.Time{}
	}
	return f, err
}

// place is an empty repository in a storage.
type place struct {
	open   func(t *testing.T) located
	now    func() time.Time
	signer repo.Signer
	create func(context.Context) (*repo.Repository, error)
}

func (p *place) options(t *testing.T) publish.RepositoryOptions {
	s := p.open(t)
	return publish.RepositoryOptions{
		Name: "internal", Storage: s, Location: s.Location, Create: p.create,
		Place:   repo.Place{Distribution: "bookworm", Component: "main"},
		Options: repo.Options{Signers: []repo.Signer{p.signer}, Now: p.now},
	}
}

func (p *place) Target(t *testing.T) publish.Target { return publish.NewRepository(p.options(t)) }

// newPlace makes a repository.
func newPlace(t *testing.T, open func(t *testing.T) located) *place {
	t.Helper()
	now := repotest.Clock()
	p := &place{open: open, now: now, signer: repotest.Signer(t, "key", now)}
	if _, err := p.make(t.Context(), open(t)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) make(ctx context.Context, s repo.Storage) (*repo.Repository, error) {
	return repo.Init(ctx, s, repo.Setup{Name: "test", Settings: repo.Settings{
		Distribution: "bookworm", Origin: "Test", Label: "Test", Components: []string{"main"}, Architectures: []string{"amd64"},
	}}, repo.Options{Signers: []repo.Signer{p.signer}, Now: p.now})
}

// Holds reads the index that InRelease names, as apt does.
func (p *place) Holds(t *testing.T, pkg publish.Package) (digest.SHA256, bool) {
	t.Helper()
	s := p.open(t)
	release, ok := read(t, s, "dists/bookworm/InRelease")
	if !ok {
		return digest.SHA256{}, false
	}
	_, sums, _ := strings.Cut(string(release), "SHA256:")
	for line := range strings.Lines(sums) {
		words := strings.Fields(line)
		if len(words) != 3 || words[2] != "main/binary-amd64/Packages" {
			continue
		}
		index, ok := read(t, s, "dists/bookworm/main/binary-amd64/by-hash/SHA256/"+words[0])
		if !ok {
			t.Fatal("the index is missing")
		}
		for stanza := range strings.SplitSeq(string(index), "\n\n") {
			fields := map[string]string{}
			for line := range strings.Lines(stanza) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				fields[name] = value
			}
			if fields["Package"] == pkg.Name && fields["Version"] == pkg.Version {
				b, ok := read(t, s, fields["Filename"])
				if !ok {
					t.Fatalf("%s is missing", fields["Filename"])
				}
				return digest.Sum(b), true
			}
		}
	}
	return digest.SHA256{}, false
}

func read(t *testing.T, s repo.Storage, name string) ([]byte, bool) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// TestRepositories runs the suite over every kind of storage.
func TestRepositories(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		publishtest.TestTarget(t, func(t *testing.T) publishtest.Server {
			root, now := t.TempDir(), repotest.Clock()
			return newPlace(t, func(*testing.T) located { return directory{repo.NewDirectory(root, now)} })
		})
	})
	t.Run("s3", func(t *testing.T) {
		server := servertest.StartS3(t)
		publishtest.TestTarget(t, func(t *testing.T) publishtest.Server { return newPlace(t, inBucket(t, server)) })
		t.Run("EightPublishers", func(t *testing.T) { testPublishers(t, newPlace(t, inBucket(t, server)), 8, 3) })
	})
	t.Run("sftp", func(t *testing.T) {
		server := servertest.StartSSHD(t)
		publishtest.TestTarget(t, func(t *testing.T) publishtest.Server { return newPlace(t, onHost(server, t.TempDir())) })
		t.Run("EightPublishers", func(t *testing.T) { testPublishers(t, newPlace(t, onHost(server, t.TempDir())), 8, 3) })
		t.Run("LostConnection", func(t *testing.T) { testLostConnection(t, server) })
	})
}

func inBucket(t *testing.T, server *servertest.S3) func(t *testing.T) located {
	opts := s3.Options{
		Bucket: server.Bucket(t), Prefix: "debian", Endpoint: server.Endpoint,
		Getenv: func(name string) string { return server.Env()[name] },
	}
	return func(t *testing.T) located {
		s, err := s3.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		return bucket{s}
	}
}

// variables is what the names of the target's variables begin with.
const variables = "ENVBUILD_PUBLISH_X"

func onHost(server *servertest.SSHD, dir string) func(t *testing.T) located {
	return func(t *testing.T) located {
		s, err := sftp.Open(t.Context(), sftp.Options{Host: server.Host, Port: server.Port, User: server.User, Path: dir, Variables: variables, Environ: server.Environ(t, variables)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return host{s}
	}
}

// testPublishers has many publishers at once, of which none may lose another's
// packages, and looks at the whole repository afterwards.
func testPublishers(t *testing.T, p *place, publishers, each int) {
	packages := make([]publish.Package, publishers*each)
	for i := range packages {
		packages[i] = publishtest.Make(t, fmt.Sprintf("p%d", i), "1-1", "amd64", "x")
	}
	targets := make([]publish.Target, publishers)
	for i := range targets {
		targets[i] = p.Target(t)
	}
	var all sync.WaitGroup
	for i, target := range targets {
		all.Go(func() {
			for _, pkg := range packages[i*each : (i+1)*each] {
				if _, err := target.Publish(t.Context(), []publish.Package{pkg}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, pkg := range packages {
		if sum, there := p.Holds(t, pkg); !there || sum != pkg.SHA256 {
			t.Errorf("%s: there %v, %s", pkg.File(), there, sum.Short())
		}
	}
	verify(t, p)
}

// verify checks every hash and signature of the repository.
func verify(t *testing.T, p *place) {
	t.Helper()
	opts := p.options(t)
	r, err := repo.Open(t.Context(), opts.Storage, opts.Options)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range found.Problems {
		t.Errorf("verify: %+v", problem)
	}
}

// testLostConnection cuts a publisher off at many points. The repository is as it
// was, or has the package whole, and the next publisher succeeds.
func testLostConnection(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	p := newPlace(t, onHost(server, dir))
	first := publishtest.Make(t, "first", "1-1", "amd64", "x")
	if _, err := p.Target(t).Publish(t.Context(), []publish.Package{first}); err != nil {
		t.Fatal(err)
	}
	// Whoever waits for a dead one's lock waits by a clock of its own.
	var waited atomic.Int64
	start, cut := time.Now(), 0
	for n := int64(300); ; n += n/2 + 1000 {
		relay := servertest.NewRelay(t, fmt.Sprintf("%s:%d", server.Host, server.Port))
		pkg := publishtest.Make(t, fmt.Sprintf("p%d", n), "1-1", "amd64", strings.Repeat("x", 1000))
		opts := p.options(t)
		s, err := sftp.Open(t.Context(), sftp.Options{
			Host: "localhost", Port: relay.Port, User: server.User, Path: dir, Variables: variables, Environ: server.EnvironAt(t, variables, relay.Port),
			Now:   func() time.Time { return start.Add(time.Duration(waited.Load())) },
			Sleep: func(ctx context.Context, d time.Duration) error { waited.Add(int64(d)); return ctx.Err() },
		})
		if err != nil {
			t.Fatal(err)
		}
		opts.Storage = host{s}
		relay.CutAfter(n)
		_, err = publish.NewRepository(opts).Publish(t.Context(), []publish.Package{pkg})
		s.Close()
		if err == nil {
			break
		}
		cut++
		var failed *publish.Error
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "internal") || !errors.Is(err, sftp.ErrConnectionLost) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if sum, there := p.Holds(t, first); !there || sum != first.SHA256 {
			t.Errorf("after %d bytes the first package is gone", n)
		}
	}
	if cut < 3 {
		t.Errorf("only %d connections were lost", cut)
	}
	verify(t, p)
}

// TestMissing has nothing to publish to.
func TestMissing(t *testing.T) {
	root := t.TempDir()
	p := &place{signer: repotest.Signer(t, "key", time.Now), open: func(*testing.T) located { return directory{repo.NewDirectory(root, time.Now)} }}
	pkg := publishtest.Make(t, "hello", "1-1", "amd64", "x")
	opts := p.options(t)
	opts.Missing = "make it"
	_, err := publish.NewRepository(opts).Publish(t.Context(), []publish.Package{pkg})
	if err == nil || !strings.Contains(err.Error(), "publish to internal: there is no repository at "+root) || hint.Of(err) != "make it" {
		t.Errorf("no repository: %v", err)
	}
	made := 0
	p.create = func(ctx context.Context) (*repo.Repository, error) { made++; return p.make(ctx, p.open(t)) }
	for range 2 {
		if _, err := p.Target(t).Publish(t.Context(), []publish.Package{pkg}); err != nil {
			t.Fatal(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	opts = p.options(t)
	opts.Create, opts.Place.Distribution = nil, "trixie"
	_, err = publish.NewRepository(opts).Publish(t.Context(), []publish.Package{pkg})
	if err == nil || !strings.Contains(err.Error(), "has no distribution trixie") {
		t.Errorf("no distribution: %v", err)
	}
	arm := publishtest.Make(t, "hello", "1-1", "arm64", "x")
	_, err = p.Target(t).Publish(t.Context(), []publish.Package{arm})
	if err == nil || !strings.Contains(err.Error(), "publish to internal: hello_1-1_arm64.deb: ") || hint.Of(err) == "" {
		t.Errorf("another architecture: %v", err)
	}
}
