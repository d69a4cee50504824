package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/stall"
)

// Error says which request failed. Err is a *StatusError if it was answered.
type Error struct {
	Method, URL string
	// Tries is how often it was sent.
	Tries int
	Err   error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Method, e.URL, e.Err)
	if e.Tries > 1 {
		s += fmt.Sprintf(" (%d tries)", e.Tries)
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint is the cause's, or says what to do where there was no answer.
func (e *Error) Hint() string {
	var status *StatusError
	if h := hint.Of(e.Err); h != "" || errors.As(e.Err, &status) {
		return h
	}
	return "check the address, the network and the proxy variables (http_proxy, https_proxy, no_proxy)"
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Code int
	// Text is the beginning of what the server said about it, on one line.
	Text string
	// Location is where a redirect leads, or empty.
	Location string

	retryAfter time.Duration
	auth       Auth
}

func (e *StatusError) Error() string {
	s := strings.TrimSpace(fmt.Sprintf("answered %d %s", e.Code, http.StatusText(e.Code)))
	if e.Location != "" {
		s += ", which leads to " + e.Location
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Hint says what to do about some answers.
func (e *StatusError) Hint() string {
	switch {
	case e.Location != "":
		return "write that address into the spec, if it is the right one: packages are not sent on"
	case e.Code == http.StatusUnauthorized && e.auth.origin != "", e.Code == http.StatusForbidden && e.auth.origin != "":
		return "the server doesn't accept what " + e.auth.origin + " holds, or it gives no right to upload"
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusForbidden:
		return e.auth.missing
	case e.Code == http.StatusRequestEntityTooLarge:
		return "the server or a proxy before it limits the size of uploads; nginx does by client_max_body_size"
	case e.Code == http.StatusNotFound, e.Code == http.StatusMethodNotAllowed:
		return "check the address and the method in the spec"
	}
	return ""
}

// brokenError is a connection that failed or couldn't be had.
type brokenError struct {
	text string
	err  error
}

func (e *brokenError) Error() string { return e.text }

func (e *brokenError) Unwrap() error { return e.err }

// localError is what no server is to blame for.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

func (c *Client) statusError(a Answer) error {
	e := &StatusError{Code: a.Status, Text: c.redact(plainText(a)), auth: c.opts.Auth}
	if a.Status/100 == 3 {
		e.Location = c.redact(redactURL(a.Header.Get("Location")))
	}
	s := a.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		e.retryAfter = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		e.retryAfter = max(0, t.Sub(c.opts.Now()))
	}
	return e
}

// redactURL drops what an address may hold as secrets: signed ones do.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || !utf8.ValidString(s) {
		return "an address that can't be read"
	}
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

// plainText is the beginning of an answer as people read it: on one line, without
// the tags of HTML.
func plainText(a Answer) string {
	const most = 300
	text := string(a.Body[:min(len(a.Body), 64<<10)])
	if strings.Contains(a.Header.Get("Content-Type"), "html") {
		text = regexp.MustCompile(`(?is)<(style|script).*?</(style|script)>|<[^>]*>`).ReplaceAllString(text, " ")
	}
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd {
			return ' '
		}
		return r
	}, text)), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// describe says in few words why there was no answer, without the address.
func describe(err error) *brokenError {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var op *net.OpError
	proxy := ""
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		proxy = "the proxy: "
	}
	var dns *net.DNSError
	text := err.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		text = "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the connection broke"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the connection was closed without an answer"
	case errors.As(err, &dns) && dns.IsNotFound:
		text = "no such host " + dns.Name
	}
	return &brokenError{text: proxy + text, err: err}
}

// transient reports whether the same request may have another answer soon.
func (c *Client) transient(err error) bool {
	var status *StatusError
	var local *localError
	var silent *stall.Error
	var network net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &local):
		return false
	case errors.As(err, &status):
		switch status.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return slices.Contains(c.opts.Busy, status.Code)
	case errors.As(err, &dns):
		return dns.IsTemporary
	case errors.As(err, &silent), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED):
		return true
	}
	return errors.As(err, &network) && network.Timeout()
}
