package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/internal/servertest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

func open(t *testing.T, opts sftp.Options) *sftp.Storage {
	t.Helper()
	s, err := sftp.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// variables is what the names of the target's variables begin with.
const variables = "ENVBUILD_PUBLISH_X"

func options(t *testing.T, server *servertest.SSHD, path string) sftp.Options {
	return sftp.Options{Host: server.Host, Port: server.Port, User: server.User, Path: path, Variables: variables, Environ: server.Environ(t, variables)}
}

func TestStorage(t *testing.T) {
	server := servertest.StartSSHD(t)
	repotest.TestStorage(t, func(t *testing.T) func(*testing.T) repo.Storage {
		dir := filepath.Join(t.TempDir(), "srv", "apt")
		return func(t *testing.T) repo.Storage { return open(t, options(t, server, dir)) }
	})
	t.Run("Location", func(t *testing.T) { testLocation(t, server) })
	t.Run("BigFile", func(t *testing.T) { testBigFile(t, server) })
	t.Run("StaleLock", func(t *testing.T) { testStaleLock(t, server) })
	t.Run("LiveLock", func(t *testing.T) { testLiveLock(t, server) })
	t.Run("LostLock", func(t *testing.T) { testLostLock(t, server) })
	t.Run("LostConnection", func(t *testing.T) { testLostConnection(t, server) })
	t.Run("Leftovers", func(t *testing.T) { testLeftovers(t, server) })
	t.Run("FullDisk", func(t *testing.T) { testFullDisk(t, server) })
	t.Run("ReadOnly", func(t *testing.T) { testReadOnly(t, server) })
}

func testLocation(t *testing.T, server *servertest.SSHD) {
	want := fmt.Sprintf("ssh://%s@127.0.0.1:%d", server.User, server.Port)
	if got := open(t, options(t, server, "/srv/apt")).Location("pool/a b.deb"); got != want+"/srv/apt/pool/a b.deb" {
		t.Errorf("Location = %s", got)
	}
	// The login's own directory.
	got := open(t, options(t, server, "apt")).Location("x")
	if !strings.HasPrefix(got, want+"/") || !strings.HasSuffix(got, "/apt/x") {
		t.Errorf("Location = %s", got)
	}
}

// testBigFile reads parts of a large file, and replaces it by version.
func testBigFile(t *testing.T, server *servertest.SSHD) {
	s := open(t, options(t, server, t.TempDir()))
	content := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	if err := s.Create(t.Context(), "pool/x", repo.Bytes(content)); err != nil {
		t.Fatal(err)
	}
	f, err := s.Get(t.Context(), "pool/x")
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1000)
	if n, err := f.ReadCloser.(io.ReaderAt).ReadAt(part, 1<<20); n != 1000 || err != nil || !bytes.Equal(part, content[1<<20:][:1000]) {
		t.Errorf("ReadAt = %d, %v", n, err)
	}
	whole, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(whole, content) {
		t.Errorf("%d bytes, %v", len(whole), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Replace(t.Context(), "pool/x", []byte("new"), f.Version); err != nil {
		t.Error(err)
	}
	if err := s.Replace(t.Context(), "pool/x", []byte("newer"), f.Version); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("Replace of an old version = %v", err)
	}
}

// clock is one that goes on when somebody waits.
type clock struct {
	mu  sync.Mutex
	now time.Time
	// waited is called with the time that passed.
	waited func(time.Duration)
}

func (c *clock) use(opts sftp.Options) sftp.Options {
	start := time.Now()
	c.now = start
	opts.Now = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.now
	}
	opts.Sleep = func(ctx context.Context, d time.Duration) error {
		c.mu.Lock()
		c.now = c.now.Add(d)
		passed := c.now.Sub(start)
		c.mu.Unlock()
		if c.waited != nil {
			c.waited(passed)
		}
		return ctx.Err()
	}
	return opts
}

// testStaleLock has publishers that died while they held the lock.
func testStaleLock(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	relay := servertest.NewRelay(t, fmt.Sprintf("%s:%d", server.Host, server.Port))
	through := options(t, server, dir)
	through.Port, through.Host = relay.Port, "localhost"
	through.Environ = server.EnvironAt(t, variables, relay.Port)
	for range 2 {
		dead := open(t, through)
		held, _, err := dead.Lock(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		relay.Cut()
		if err := dead.Replace(held, "dists/x", []byte("x"), repo.Any); !errors.Is(err, sftp.ErrConnectionLost) {
			t.Errorf("Replace of the dead = %v", err)
		}
		// Several who wait at once: one of them at a time gets it.
		var all sync.WaitGroup
		inside := make(chan bool, 1)
		for range 4 {
			all.Go(func() {
				var c clock
				notices := 0
				opts := c.use(options(t, server, dir))
				opts.Notice = func(string) { notices++ }
				s, err := sftp.Open(t.Context(), opts)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				_, unlock, err := s.Lock(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case inside <- true:
				default:
					t.Error("two hold the lock")
				}
				<-inside
				if err := unlock(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// testLiveLock has a holder that lives, and so is waited for, however long that
// takes.
func testLiveLock(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	opts := options(t, server, dir)
	opts.Beat = time.Millisecond
	holder := open(t, opts)
	held, unlock, err := holder.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := clock{waited: func(passed time.Duration) {
		if passed > 10*time.Minute {
			cancel()
		}
	}}
	waiter := c.use(options(t, server, dir))
	waiter.Stale = 5 * time.Minute // by a clock that goes much faster than the beats
	if _, _, err := open(t, waiter).Lock(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a lock of a holder that lives: %v", err)
	}
	if held.Err() != nil {
		t.Errorf("the holder lost it: %v", context.Cause(held))
	}
	if err := holder.Replace(held, "dists/x", []byte("x"), repo.Any); err != nil {
		t.Error(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// testLostLock has a holder that was silent for too long, say in a laptop that
// slept. It must do no harm when it wakes up.
func testLostLock(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	opts := options(t, server, dir)
	opts.Beat = time.Hour
	slow := open(t, opts)
	held, unlock, err := slow.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Replace(held, "dists/x", []byte("slow"), repo.None); err != nil {
		t.Fatal(err)
	}
	if err := slow.Create(held, "pool/old", repo.Bytes([]byte("old"))); err != nil {
		t.Fatal(err)
	}
	f, err := slow.Get(held, "dists/x")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	var c clock
	quick := open(t, c.use(options(t, server, dir)))
	quickHeld, quickUnlock, err := quick.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, was := range []repo.Version{f.Version, repo.Any} {
		if err := slow.Replace(held, "dists/x", []byte("late"), was); !errors.Is(err, sftp.ErrLockLost) {
			t.Errorf("Replace after the lock was lost: %v", err)
		}
	}
	for what, err := range map[string]error{
		"Replace of nothing": slow.Replace(held, "dists/new", []byte("late"), repo.None),
		"Create":             slow.Create(held, "pool/new", repo.Bytes([]byte("late"))),
		"Copy":               slow.Copy(held, "pool/old", "dists/x"),
		"Copy to a new name": slow.Copy(held, "pool/old", "dists/new"),
		"Remove":             slow.Remove(held, "pool/old"),
	} {
		if !errors.Is(err, sftp.ErrLockLost) {
			t.Errorf("%s after the lock was lost: %v", what, err)
		}
	}
	if err := unlock(); err != nil { // which must not release another's lock
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, _, err := slow.Lock(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("the lock is free: %v", err)
	}
	if err := quick.Replace(quickHeld, "dists/x", []byte("quick"), f.Version); err != nil {
		t.Error(err)
	}
	if err := quickUnlock(); err != nil {
		t.Error(err)
	}
	var names []string
	for e, err := range quick.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"dists/x", "pool/old"}) {
		t.Errorf("there are %q", names)
	}
	left, err := os.ReadDir(filepath.Join(dir, ".envbuild/local/sftp-tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// testLostConnection cuts the connection after each of many numbers of bytes: a
// file is there whole or not at all, and what was there stays.
func testLostConnection(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	plain := open(t, options(t, server, dir))
	if err := plain.Replace(t.Context(), "dists/x", []byte("before"), repo.None); err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("x"), 100<<10)
	cut := 0
	for n := int64(500); n < 200<<10; n += 9 << 10 {
		relay := servertest.NewRelay(t, fmt.Sprintf("%s:%d", server.Host, server.Port))
		opts := options(t, server, dir)
		opts.Host, opts.Port, opts.Environ = "localhost", relay.Port, server.EnvironAt(t, variables, relay.Port)
		s := open(t, opts)
		relay.CutAfter(n)
		name := fmt.Sprintf("pool/%d", n)
		err := s.Create(t.Context(), name, repo.Bytes(content))
		if err == nil {
			err = s.Replace(t.Context(), "dists/x", []byte(name), repo.Any)
		}
		if err != nil {
			cut++
			var e *sftp.Error
			if !errors.Is(err, sftp.ErrConnectionLost) || !errors.As(err, &e) || e.Hint() == "" {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
		f, err := plain.Get(t.Context(), name)
		switch {
		case err == nil && f.Size != int64(len(content)):
			t.Errorf("after %d bytes: a file of %d", n, f.Size)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			t.Error(err)
		}
		if err == nil {
			f.Close()
		}
	}
	if cut == 0 {
		t.Error("no connection was lost")
	}
}

// testLeftovers looks whether what the dead left is removed.
func testLeftovers(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	temp := filepath.Join(dir, ".envbuild/local/sftp-tmp")
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{"upload", "released-a/holder", "lock-b/b/holder"} {
		path := filepath.Join(temp, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"upload", "released-a", "lock-b"} {
		if err := os.Chtimes(filepath.Join(temp, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(temp, "recent"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, unlock, err := open(t, options(t, server, dir)).Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 1 || left[0].Name() != "recent" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// testFullDisk writes more than there is room for.
func testFullDisk(t *testing.T, server *servertest.SSHD) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		skiptest.Because(t, "a small file system can't be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := open(t, options(t, server, dir))
	if err := s.Replace(t.Context(), "dists/x", []byte("before"), repo.None); err != nil {
		t.Fatal(err)
	}
	err := s.Create(t.Context(), "pool/x", repo.Bytes(make([]byte, 4<<20)))
	var e *sftp.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "no space left") || !strings.Contains(e.Hint(), "make room") {
		t.Errorf("Create = %v", err)
	}
	// The next one has room again.
	if err := s.Replace(t.Context(), "dists/x", make([]byte, 1<<19), repo.Any); err != nil {
		t.Error(err)
	}
}

// testReadOnly has a directory that can't be written.
func testReadOnly(t *testing.T, server *servertest.SSHD) {
	// /proc takes no files, whoever asks.
	s := open(t, options(t, server, "/proc/envbuild"))
	err := s.Create(t.Context(), "pool/x", repo.Bytes([]byte("x")))
	if err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("Create = %v", err)
	}
	if _, _, err := s.Lock(t.Context(), nil); err == nil {
		t.Error("a directory that can't be written was locked")
	}
}
