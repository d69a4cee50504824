package sftp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// The lock is a directory that is never empty while it is held: in it is one
// directory, named after the holder, with a file that grows as long as the holder
// lives.
//
//   - To take it, a holder's directory is made elsewhere and renamed to it, which the
//     other host does only if it is empty or not there.
//   - To release it, the holder's directory is renamed away: the lock is empty.
//   - To break the lock of a holder that is dead, everybody who waits may do the
//     same. Only one succeeds, and whoever took the lock meanwhile has a directory of
//     another name.
//   - What a holder writes lies in its directory first, and what it removes at last. A
//     holder that was taken for dead and is not, or whose requests come late, can
//     do nothing any more: there is no directory to rename from, or to.
const lockDir = "sftp-lock"

// beatFile grows, and says who the holder is.
const beatFile = "holder"

// lock is one that is held.
type lock struct {
	id, dir string
	beat    *sftp.File
	size    int64

	lose context.CancelCauseFunc
	done chan struct{} // closed to end the beats
	over sync.WaitGroup
}

// ErrLockLost says that another publisher took this one for dead.
var ErrLockLost = errors.New("the lock of the repository is lost: this publisher wasn't heard of for too long")

type lockKey struct{}

// holding returns the lock under which a call is made.
func (s *Storage) holding(ctx context.Context) *lock {
	if l, ok := ctx.Value(lockKey{}).(*lock); ok {
		return l
	}
	return nil
}

// isLock reports whether a directory is a holder's, which only Lock makes.
func (s *Storage) isLock(dir string) bool { return path.Dir(dir) == s.private(lockDir) }

// lost makes ErrLockLost of what a holder's directory being gone leads to.
func (s *Storage) lost(held *lock, err error) error {
	if held == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, there := s.client.Stat(held.dir); errors.Is(there, fs.ErrNotExist) {
		return ErrLockLost
	}
	return err
}

// Lock implements repo.Locker. Only calls with the context that it returns are
// made under the lock.
func (s *Storage) Lock(ctx context.Context, onWait func()) (held context.Context, unlock func() error, err error) {
	l := &lock{id: unique(), done: make(chan struct{})}
	l.dir = path.Join(s.private(lockDir), l.id)
	stage := path.Join(s.root, tempDir, "lock-"+l.id)
	err = s.call(ctx, "lock", "", func() error { return s.stage(stage, l) })
	if err == nil {
		err = s.acquire(ctx, stage, onWait)
	}
	if err != nil {
		// In passing: the connection may be lost, and the next publisher clears up.
		_ = s.call(context.WithoutCancel(ctx), "lock", "", func() error { return s.discard(stage, l.id) })
		return nil, nil, err
	}
	held, l.lose = context.WithCancelCause(context.WithValue(ctx, lockKey{}, l))
	l.over.Go(func() { s.beats(l) })
	return held, func() error { return s.unlock(context.WithoutCancel(ctx), l) }, nil
}

// stage makes a holder's directory where nobody sees it.
func (s *Storage) stage(stage string, l *lock) error {
	if err := s.client.MkdirAll(path.Join(stage, l.id)); err != nil {
		return err
	}
	f, err := s.client.OpenFile(path.Join(stage, l.id, beatFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	name, _ := os.Hostname() // for people alone
	text, err := json.Marshal(map[string]any{"host": name, "pid": os.Getpid(), "since": s.opts.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	n, err := f.Write(append(text, '\n'))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.beat, l.size = f, int64(n)
	return s.sweep(path.Join(stage, l.id, beatFile))
}

// observation is what somebody who waits has seen of a holder.
type observation struct {
	id   string
	size int64
	at   time.Time
}

// acquire renames the staged directory to the lock as soon as that is free.
func (s *Storage) acquire(ctx context.Context, stage string, onWait func()) error {
	var seen observation
	for try := 0; ; try++ {
		var free bool
		err := s.call(ctx, "lock", "", func() (err error) { free, err = s.tryLock(stage, &seen); return err })
		if err != nil || free {
			return err
		}
		if try == 0 && onWait != nil {
			onWait()
		}
		// Short at first, so that a repository that is published to often isn't idle.
		pause := 20*time.Millisecond + rand.N(time.Duration(min(try+1, 10))*20*time.Millisecond)
		if err := s.opts.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// tryLock takes the lock, or looks who has it, and breaks it if that one is dead.
func (s *Storage) tryLock(stage string, seen *observation) (ok bool, err error) {
	at := s.private(lockDir)
	failed := s.client.PosixRename(stage, at)
	if failed == nil {
		return true, nil
	}
	infos, err := s.client.ReadDir(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, failed // it isn't that somebody has it
	case err != nil:
		return false, err
	case len(infos) == 0:
		return false, nil // it was released just now
	}
	now := observation{id: infos[0].Name(), at: s.opts.Now()}
	info, err := s.client.Stat(path.Join(at, now.id, beatFile))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // it has changed hands
		}
		return false, err
	}
	now.size = info.Size()
	if now.id != seen.id || now.size != seen.size {
		*seen = now
		return false, nil
	}
	if now.at.Sub(seen.at) < s.opts.Stale {
		return false, nil
	}
	gone := path.Join(s.root, tempDir, "dead-"+now.id)
	if err := s.client.PosixRename(path.Join(at, now.id), gone); err != nil {
		return false, nil //nolint:nilerr // another publisher broke it first, or its holder lives after all
	}
	s.opts.Notice(fmt.Sprintf("a publisher that wasn't heard of for %v is taken for dead", s.opts.Stale))
	return false, s.discard(gone, "")
}

// beats shows that the holder lives, and ends its context if it lost the lock.
func (s *Storage) beats(l *lock) {
	tick := time.NewTicker(s.opts.Beat)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
		}
		if err := s.beatOnce(l); err != nil {
			l.lose(err)
			return
		}
	}
}

func (s *Storage) beatOnce(l *lock) error {
	// By its handle: a name could lead to another's.
	n, err := l.beat.WriteAt([]byte("."), l.size)
	l.size += int64(n)
	if err != nil {
		return s.explain("lock", "", err)
	}
	_, err = s.client.Stat(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrLockLost
	}
	return s.explain("lock", "", err)
}

func (s *Storage) unlock(ctx context.Context, l *lock) error {
	close(l.done)
	l.over.Wait()
	l.lose(nil)
	return s.call(ctx, "unlock", "", func() error {
		gone := path.Join(s.root, tempDir, "released-"+l.id)
		err := s.client.PosixRename(l.dir, gone)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // another publisher broke it; what was committed was committed before
		}
		return errors.Join(err, ignoreLost(l.beat.Close()), s.discard(gone, ""))
	})
}

func ignoreLost(err error) error {
	if lostConnection(err) {
		return nil
	}
	return err
}

// discard removes a holder's directory, or with an id the directory around it.
func (s *Storage) discard(dir, id string) error {
	inner := path.Join(dir, id)
	infos, err := s.client.ReadDir(inner)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, info := range infos {
		err = errors.Join(err, s.removeAny(path.Join(inner, info.Name())))
	}
	err = errors.Join(err, s.client.RemoveDirectory(inner))
	if id != "" {
		err = errors.Join(err, s.client.RemoveDirectory(dir))
	}
	return err
}

// leftover is how old what publishers that died have left must be to be removed.
const leftover = 24 * time.Hour

// sweep removes what publishers that died have left. fresh is a file of just now,
// by whose time the host's clock is read.
func (s *Storage) sweep(fresh string) error {
	now, err := s.client.Stat(fresh)
	if err != nil {
		return err
	}
	infos, err := s.client.ReadDir(path.Join(s.root, tempDir))
	if err != nil {
		return err
	}
	for _, info := range infos {
		if now.ModTime().Sub(info.ModTime()) < leftover {
			continue
		}
		at := path.Join(s.root, tempDir, info.Name())
		switch {
		case !info.IsDir():
			err = errors.Join(err, s.removeAny(at))
		case strings.HasPrefix(info.Name(), "lock-"):
			err = errors.Join(err, s.discard(at, strings.TrimPrefix(info.Name(), "lock-")))
		default:
			err = errors.Join(err, s.discard(at, ""))
		}
	}
	return err
}
