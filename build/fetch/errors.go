package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/hint"
)

// ErrNotFound says that a place was reached and doesn't have what was asked for.
var ErrNotFound = errors.New("not found")

// ErrOffline says that a place was not asked because nothing may be asked of the
// network.
var ErrOffline = errors.New("not asked: offline")

// Error says that an archive could not be had from anywhere.
type Error struct {
	// Name is what people call the archive.
	Name string
	// Attempts are the places tried, in order.
	Attempts []*PlaceError
	// Err is set if the archive could not be kept or the request makes no sense,
	// so that no further place was tried.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s can't be fetched", e.Name)
	switch {
	case len(e.Attempts) == 0 && e.Err == nil:
		b.WriteString(": there is no place to ask")
	case e.Err != nil:
		fmt.Fprintf(&b, ": %v", e.Err)
	default:
		b.WriteString(":")
	}
	for _, a := range e.Attempts {
		if e.Err == nil || !errors.Is(e.Err, a.Err) {
			fmt.Fprintf(&b, "\n  %v", a)
		}
	}
	return b.String()
}

// Unwrap returns why the archive could not be kept, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Is reports, for ErrNotFound, whether all places answered that they don't have
// the archive, and for ErrOffline, whether any was not asked for that reason.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Err == nil && e.count(ErrNotFound) == len(e.Attempts)
	case ErrOffline:
		return e.count(ErrOffline) > 0
	}
	return false
}

func (e *Error) count(target error) (n int) {
	for _, a := range e.Attempts {
		if errors.Is(a.Err, target) {
			n++
		}
	}
	return n
}

// Hint says what to do, by what the places answered.
func (e *Error) Hint() string {
	if h := hint.Of(e.Err); h != "" {
		return h
	}
	for _, a := range e.Attempts {
		var wrong *WrongBytesError
		if errors.As(a.Err, &wrong) {
			return "the archive there is not the one that was locked: find out who changed it; if the change is wanted, lock it again with `envbuild lock --update`"
		}
	}
	switch {
	case e.Err != nil:
		return ""
	case e.count(ErrOffline) > 0:
		return "run it once without --offline, or put the archive into vendor/ with `envbuild vendor` on a machine that has the network"
	case e.count(ErrNotFound) == len(e.Attempts):
		return "add a mirror that has the archive to the spec, or put the archive into vendor/"
	}
	return "check the network, the proxy variables (http_proxy, https_proxy, no_proxy) and the mirrors in the spec"
}

// PlaceError says what one place answered.
type PlaceError struct {
	// Place is its address without credentials, or a path.
	Place string
	Err   error
	// Tries is how often it was asked, if more than once.
	Tries int
}

func (e *PlaceError) Error() string {
	s := e.Place + ": " + describe(e.Err)
	if e.Tries > 1 {
		s += fmt.Sprintf(" (%d tries)", e.Tries)
	}
	return s
}

// Unwrap returns the cause.
func (e *PlaceError) Unwrap() error { return e.Err }

// Hint says what to do about a place that must be asked.
func (e *PlaceError) Hint() string {
	switch {
	case errors.Is(e.Err, ErrOffline):
		return "run it without --offline"
	case errors.Is(e.Err, ErrNotFound):
		return ""
	}
	return "a mirror that can't be asked is never passed over, since the next one may hold something else under the same name; repair it or remove it from the spec"
}

// WrongBytesError says that a place delivered other bytes than the lock names.
type WrongBytesError struct {
	Got, Want digest.SHA256
	// Size is the number of bytes that came.
	Size int64
}

func (e *WrongBytesError) Error() string {
	return fmt.Sprintf("wrong bytes: SHA-256 is %s (%d bytes), the lock says %s", e.Got, e.Size, e.Want)
}

// StatusError is an answer other than 200.
type StatusError struct {
	Code int
	// RetryAfter is what the server asks for, or 0.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.Code, http.StatusText(e.Code)))
}

// Is makes 404 and 410 ErrNotFound.
func (e *StatusError) Is(target error) bool {
	return target == ErrNotFound && (e.Code == http.StatusNotFound || e.Code == http.StatusGone)
}

// TruncatedError says that a body ended early.
type TruncatedError struct {
	Got, Want int64
	// Err is why, or nil if the connection just ended.
	Err error
}

func (e *TruncatedError) Error() string {
	s := fmt.Sprintf("truncated after %d bytes", e.Got)
	if e.Want > 0 {
		s = fmt.Sprintf("truncated: %d of %d bytes", e.Got, e.Want)
	}
	if e.Err != nil {
		s += ": " + describe(e.Err)
	}
	return s
}

// LimitError says that a body has more bytes than it may.
type LimitError struct{ Limit int64 }

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d bytes", e.Limit) }

// StallError says that a place was silent for too long.
type StallError struct {
	After time.Duration
	// Answered is set if it had begun to answer.
	Answered bool
}

func (e *StallError) Error() string { return fmt.Sprintf("timed out after %v", e.After) }

// describe says in few words what went wrong, without the address, which
// PlaceError has and which may hold credentials.
func describe(err error) string {
	var truncated *TruncatedError
	if errors.As(err, &truncated) {
		return truncated.Error()
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	var op *net.OpError
	proxy := ""
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		proxy = "the proxy: "
	}
	var dns *net.DNSError
	var path *fs.PathError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return proxy + "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return proxy + "connection reset"
	case errors.Is(err, syscall.ENOSPC):
		return "no space left on device"
	case errors.As(err, &dns) && dns.IsNotFound:
		return proxy + "no such host " + dns.Name
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return proxy + err.Error()
}

// transient reports whether the same question may have another answer soon.
func transient(err error) bool {
	var status *StatusError
	var truncated *TruncatedError
	var stall *StallError
	var network net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &status):
		switch status.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
			http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	case errors.As(err, &stall):
		return stall.Answered
	case errors.As(err, &truncated), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case errors.As(err, &dns):
		return dns.IsTemporary && !dns.IsTimeout
	}
	return errors.As(err, &network) && network.Timeout()
}

// unreachable reports whether the host didn't so much as answer.
func unreachable(err error) bool {
	var stall *StallError
	if errors.As(err, &stall) {
		return !stall.Answered
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
