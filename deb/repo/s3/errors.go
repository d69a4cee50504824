package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/envbuild/envbuild/internal/hint"
)

// Error says what a store answered.
type Error struct {
	// Op is what was to be done, Name the file's address.
	Op, Name string
	// Status and Code are the store's, or 0 and empty if there was no answer.
	Status int
	Code   string
	// Tries is how often it was asked.
	Tries int
	Err   error
}

func (e *Error) Error() string {
	s := e.Op + " " + e.Name + ": " + e.Err.Error()
	if e.Status != 0 {
		s += fmt.Sprintf(" (%d %s)", e.Status, e.Code)
	}
	if e.Tries > 1 {
		s += fmt.Sprintf(" (%d tries)", e.Tries)
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes a file that isn't there fs.ErrNotExist. A bucket that isn't there is
// something else.
func (e *Error) Is(target error) bool {
	return target == fs.ErrNotExist && e.Status == http.StatusNotFound && e.Code == minio.NoSuchKey
}

// Hint says what to do about some answers.
func (e *Error) Hint() string {
	if h := hint.Of(e.Err); h != "" {
		return h
	}
	switch {
	case e.Code == "NoSuchBucket":
		return "make the bucket, or correct s3.bucket and s3.endpoint in the spec"
	case e.Code == "InvalidAccessKeyId", e.Code == "SignatureDoesNotMatch", e.Code == "XAdminUserNotFound":
		return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that AWS_PROFILE names"
	case e.Code == "AccessDenied":
		return "the key needs s3:GetObject, s3:PutObject, s3:DeleteObject on the objects and s3:ListBucket on the bucket; without the last the store denies what isn't there"
	case e.Code == "RequestTimeTooSkewed":
		return "set this machine's clock"
	case e.Status == 0 && !errors.Is(e.Err, fs.ErrExist):
		return "check s3.endpoint, the network and the proxy variables (http_proxy, https_proxy, no_proxy)"
	}
	return ""
}

// localError is what no store is to blame for.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

// maxTries is how often a store is asked.
const maxTries = 5

// do calls f until it succeeds or another try won't help.
func (s *Storage) do(ctx context.Context, op, name string, f func() error) error {
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var local *localError
		if errors.As(err, &local) {
			return local.err
		}
		if !transient(err) || try == maxTries {
			out := s.explain(op, name, err)
			out.Tries = try
			return out
		}
		// Publishers that lose a race come back at different times.
		pause := 200*time.Millisecond<<(try-1) + rand.N(100*time.Millisecond)
		if err := s.opts.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// explain names the file and leaves out addresses, which may be signed.
func (s *Storage) explain(op, name string, err error) *Error {
	e := &Error{Op: op, Name: s.Location(name), Err: err}
	var answer minio.ErrorResponse
	var outer *url.Error
	switch {
	case errors.As(err, &answer):
		e.Status, e.Code = answer.StatusCode, answer.Code
		e.Err = errors.New(strings.TrimSuffix(answer.Error(), "."))
	case errors.As(err, &outer):
		e.Err = outer.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		e.Err = &brokenError{"connection refused", e.Err}
	case errors.As(e.Err, &dns) && dns.IsNotFound:
		e.Err = &brokenError{"no such host " + dns.Name, e.Err}
	}
	return e
}

type brokenError struct {
	text string
	err  error
}

func (e *brokenError) Error() string { return e.text }

func (e *brokenError) Unwrap() error { return e.err }

// transient reports whether the same request may have another answer soon.
func transient(err error) bool {
	var answer minio.ErrorResponse
	var network net.Error
	switch {
	case errors.As(err, &answer):
		switch answer.StatusCode {
		case http.StatusConflict, // another write of the same object is under way
			http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return answer.Code == "SlowDown" || answer.Code == "RequestTimeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED):
		return true
	}
	return errors.As(err, &network) && network.Timeout()
}
