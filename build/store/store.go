// Package store keeps on disk what builds use and make: sources by the digest of
// their bytes, outputs by the ID of their content, and action records that say
// which output a key led to. Several processes use one store at once, and a
// process that is killed at any moment leaves it sound: everything appears by
// one rename, and an entry that is not whole is a miss, never a crash.
//
// The layout below the root directory:
//
//	version                  the format
//	sources/aa/<sha256>      archives, read-only
//	outputs/aa/<id>/tree     what a step added
//	outputs/aa/<id>/manifest what the tree must contain; its hash is the ID
//	outputs/aa/<id>/boot     the boot of the machine in which the tree was last proved
//	actions/aa/<key>         one record, JSON
//	logs/<key>.log           what the step printed, also of failed steps
//	facts/<kind>/aa/<digest> small things computed from content
//	parts/aa/<key>           compressed parts of packages, each behind its SHA-256
//	last/<project>           the last key of each of a project's steps
//	durations                how long steps took
//	roots/<project>          what a project uses, kept by GC
//	stamps/<project>         what decided the project's view
//	v/<name>                 views
//	locks/, tmp/, lock       processes at work
package store

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
	"sync"
	"syscall"
	"time"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// format is the content of the version file.
const format = "envbuild-store-1\n"

// cacheTag is what backup programs look for to leave a directory out
// (https://bford.info/cachedir/).
const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55\n" +
	"# This directory is envbuild's cache. It can be deleted at any time.\n"

// Names of files and directories below the root.
const (
	versionFile  = "version"
	cacheTagFile = "CACHEDIR.TAG"
	lockFile     = "lock"
	durationFile = "durations"
	sourcesDir   = "sources"
	outputsDir   = "outputs"
	actionsDir   = "actions"
	logsDir      = "logs"
	factsDir     = "facts"
	partsDir     = "parts"
	lastDir      = "last"
	rootsDir     = "roots"
	stampsDir    = "stamps"
	viewsDir     = "v"
	locksDir     = "locks"
	tempDir      = "tmp"
)

// Options are what a store works with. The zero value is usable.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Parallel is the number of files hashed at once; 0 means one per core.
	Parallel int
	// BootID names the machine's current boot; "" means the kernel's. An output
	// that another boot wrote is hashed again before it is used.
	BootID string
	// Warn is told of what stops nothing but deserves attention: damaged entries
	// that were dropped, leftovers that can't be removed. It may be called from
	// several goroutines at once; nil means that nobody is told.
	Warn func(error)
}

// Store is an open store. Its methods may be used from several goroutines.
type Store struct {
	root string
	opts Options
	// inUse is held shared as long as the store is open, and exclusively by GC.
	inUse *flock.Flock
	temp  processDir

	mu        sync.Mutex
	proved    map[digest.SHA256]bool // sources that this process has hashed
	durations map[stepVersion]time.Duration
}

// Open opens the store at root and creates it if there is none. It waits for a
// garbage collection that is under way, and removes what dead processes left. It
// fails with an *OwnerError, a *FormatError or a *ForeignDirectoryError.
func Open(ctx context.Context, root string, opts Options) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Parallel <= 0 {
		opts.Parallel = runtime.NumCPU()
	}
	if opts.BootID == "" {
		opts.BootID = kernelBootID()
	}
	s := &Store{root: root, opts: opts, proved: map[digest.SHA256]bool{}}
	s.temp.parent = s.path(tempDir)
	if err := s.create(); err != nil {
		return nil, s.explain(err)
	}
	s.inUse = flock.New(s.path(lockFile))
	if _, err := s.inUse.TryRLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("lock the store %s: %w", root, err)
	}
	if err := sweep(s.path(tempDir)); err != nil {
		s.warn(err)
	}
	return s, nil
}

// Close removes the temporary directories of this process and lets others collect
// garbage.
func (s *Store) Close() error {
	return errors.Join(s.temp.close(), s.inUse.Close())
}

// Root returns the store's absolute path.
func (s *Store) Root() string { return s.root }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}

// entry is the path of something that is named by 64 hexadecimal digits, spread
// over 256 directories.
func (s *Store) entry(dir, name string) string { return s.path(dir, name[:2], name) }

// create makes a new store or checks an old one. The version file comes last: a
// store that has it is complete.
func (s *Store) create() error {
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return err
	}
	if err := checkOwner(s.root); err != nil {
		return err
	}
	got, err := os.ReadFile(s.path(versionFile))
	switch {
	case err == nil && string(got) == format:
		return nil
	case err == nil:
		return &FormatError{Root: s.root, Found: strings.TrimSpace(string(got))}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := s.checkEmpty(); err != nil {
		return err
	}
	for _, dir := range topDirs() {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(s.path(cacheTagFile), []byte(cacheTag), 0o644); err != nil {
		return err
	}
	return atomicfile.Write(s.path(versionFile), []byte(format), 0o644)
}

// checkEmpty fails if the root holds anything that a process that is creating
// the store would not have put there: GC deletes files, so a mistyped
// ENVBUILD_CACHE must not become a store.
func (s *Store) checkEmpty() error {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return err
	}
	own := append(topDirs(), versionFile, cacheTagFile, lockFile)
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, atomicfile.TempPrefix) && !slices.Contains(own, name) {
			return &ForeignDirectoryError{Root: s.root, Entry: name}
		}
	}
	return nil
}

func topDirs() []string {
	return []string{sourcesDir, outputsDir, actionsDir, logsDir, factsDir, partsDir, lastDir, rootsDir, stampsDir, viewsDir, locksDir, tempDir}
}

func checkOwner(root string) error {
	fi, err := os.Stat(root)
	if err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return &OwnerError{Root: root, Owner: int(st.Uid), Self: os.Geteuid()}
	}
	return nil
}

// kernelBootID returns "" where the kernel doesn't tell; then only outputs that
// were made where it doesn't either are taken without hashing.
func kernelBootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// write puts data at path.
func (s *Store) write(path string, data []byte, perm fs.FileMode) error {
	return s.fill(path, perm, s.commit, data)
}

// writeUnsynced is write for what is proved whenever it is read.
func (s *Store) writeUnsynced(path string, data []byte, perm fs.FileMode) error {
	return s.fill(path, perm, s.commitUnsynced, data)
}

// fill writes pieces into a temporary and commits it. One that a killed process
// leaves is removed with the other temporaries of that process.
func (s *Store) fill(path string, perm fs.FileMode, commit func(*os.File, string, fs.FileMode) error, pieces ...[]byte) (err error) {
	f, err := s.tempFile()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = s.explain(errors.Join(err, discard(f)))
		}
	}()
	for _, piece := range pieces {
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
	return commit(f, path, perm)
}

// Sync makes all that was put before durable, at once: an fsync for each of many
// small entries takes 4 ms and more. Sources, outputs, actions, facts and parts are
// proved when they are read, so that a power cut before costs their making only.
// What names them for good, SetLastKeys and SetRoot, comes after it.
func (s *Store) Sync() error {
	f, err := os.Open(s.root)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(f.Fd()))
	if err != nil {
		err = fmt.Errorf("sync the store %s: %w", s.root, err)
	}
	return s.explain(errors.Join(err, f.Close()))
}

// commit moves a temporary file to its place.
func (s *Store) commit(f *os.File, path string, perm fs.FileMode) error {
	if err := prepareCommit(f, path, perm); err != nil {
		return err
	}
	return atomicfile.Commit(f, path)
}

// commitUnsynced is commit for what is proved whenever it is read: after a power
// cut it may be torn.
func (s *Store) commitUnsynced(f *os.File, path string, perm fs.FileMode) error {
	if err := prepareCommit(f, path, perm); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func prepareCommit(f *os.File, path string, perm fs.FileMode) error {
	if err := f.Chmod(perm); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Dir(path), 0o755)
}

// discard closes and removes a temporary file, whatever state it is in.
func discard(f *os.File) error {
	if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return removeFile(f.Name())
}

// touch notes that path is used, for GC. It writes at most hourly, as cmd/go
// does, so that a warm build writes nothing. A failure only makes the entry
// look older than it is.
func (s *Store) touch(path string) {
	now := s.opts.Now()
	if fi, err := os.Stat(path); err == nil && now.Sub(fi.ModTime()) > time.Hour {
		_ = os.Chtimes(path, now, now)
	}
}

func (s *Store) warn(err error) {
	if s.opts.Warn != nil {
		s.opts.Warn(err)
	}
}
