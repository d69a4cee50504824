package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Jobserver is one pool of cores for all steps and the makes inside them: GNU
// make's jobserver in its pipe form, the only one that make 4.3 understands.
// Every running step holds one token; a make inside takes more from the pipe
// while there are some and puts them back.
type Jobserver struct {
	// The ends that steps inherit. They block: make 4.3 doesn't expect EAGAIN.
	childRead, childWrite *os.File
	// Ends of our own with file descriptions of their own, so that the runtime's
	// poller can use them without making the children's ends non-blocking.
	read, write *os.File
}

// NewJobserver makes a pool of n tokens.
func NewJobserver(n int) (_ *Jobserver, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	j := &Jobserver{
		childRead:  os.NewFile(uintptr(fds[0]), "jobserver"),
		childWrite: os.NewFile(uintptr(fds[1]), "jobserver"),
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("jobserver: %w", errors.Join(err, j.Close()))
		}
	}()
	if j.read, err = reopen(fds[0], os.O_RDONLY); err != nil {
		return nil, err
	}
	if j.write, err = reopen(fds[1], os.O_WRONLY); err != nil {
		return nil, err
	}
	if _, err := j.write.WriteString(strings.Repeat("+", n)); err != nil {
		return nil, err
	}
	return j, nil
}

func reopen(fd, flag int) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), flag|syscall.O_NONBLOCK, 0)
}

// grace is how long a token lies there for makes that wait for one.
const grace = 2 * time.Millisecond

// Acquire waits for a token. Once a context was cancelled the jobserver gives
// out no more. While makesFirst, if it isn't nil, says so, a make that waits for a
// token gets it.
func (j *Jobserver) Acquire(ctx context.Context, makesFirst func() bool) error {
	stop := context.AfterFunc(ctx, func() { _ = j.read.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := j.read.SyscallConn()
	if err != nil {
		return err
	}
	var readErr error
	err = conn.Read(func(fd uintptr) bool {
		if makesFirst != nil && makesFirst() && readable(fd) {
			time.Sleep(grace)
		}
		var token [1]byte
		for {
			_, readErr = syscall.Read(int(fd), token[:])
			if !errors.Is(readErr, syscall.EINTR) {
				return !errors.Is(readErr, syscall.EAGAIN)
			}
		}
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	err = errors.Join(err, readErr)
	if err == nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), j.Release())
	}
	return err
}

func readable(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// Release puts a token back.
func (j *Jobserver) Release() error {
	_, err := j.write.WriteString("+")
	return err
}

// Files are the ends that a step inherits, to be placed at the file
// descriptors from first on, as Makeflags(first) says.
func (j *Jobserver) Files() []*os.File { return []*os.File{j.childRead, j.childWrite} }

// Makeflags is the value of MAKEFLAGS for a step whose ends are at the
// descriptors first and first+1.
func Makeflags(first int) string {
	return fmt.Sprintf(" -j --jobserver-auth=%d,%d", first, first+1)
}

// Close closes all ends.
func (j *Jobserver) Close() error {
	var errs []error
	for _, f := range []*os.File{j.childRead, j.childWrite, j.read, j.write} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
