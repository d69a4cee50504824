package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/internal/client"
	"github.com/envbuild/envbuild/internal/digest"
)

// depth says how thoroughly a package that is there is looked at.
type depth int

const (
	// headers believes the size where the server gives no digest.
	headers depth = iota
	// wholeBody reads all of it then.
	wholeBody
)

// look reports whether the package is there with our bytes. With others the
// error is an *OtherBytesError. It asks by GET alone: Gitea, for one, has no HEAD
// for packages.
func (t *target) look(ctx context.Context, p publish.Package, how depth) (there bool, err error) {
	at := t.address(t.Download, p)
	other := &publish.OtherBytesError{Location: at, Ours: p.SHA256}
	_, err = t.clientFor(at).Do(ctx, client.Request{Method: http.MethodGet, URL: at, Read: func(a client.Answer, body io.Reader) error {
		if strings.Contains(a.Header.Get("Content-Type"), "text/html") {
			return &webPageError{}
		}
		theirs, known := announced(a.Header)
		switch {
		case known && theirs != p.SHA256:
			other.Theirs = theirs
			return other
		case known:
			return nil
		case a.Size >= 0 && a.Size != p.Size:
			return other
		case how == headers && a.Size >= 0:
			return nil
		}
		sum, n, err := digest.SumReader(io.LimitReader(body, p.Size+1))
		switch {
		case err != nil:
			return err
		case n != p.Size:
			return other
		case sum != p.SHA256:
			other.Theirs = sum
			return other
		}
		return nil
	}})
	var status *client.StatusError
	if errors.As(err, &status) && t.absent(status.Code) {
		return false, nil
	}
	if found := (*publish.OtherBytesError)(nil); errors.As(err, &found) {
		return false, found // without the request: it went well
	}
	return err == nil, err
}

// absent reports whether an answer means that there is nothing that we could
// see. Where only we think that packages can be had from where they are put, the
// server need not give them.
func (t *target) absent(code int) bool {
	switch code {
	case http.StatusNotFound, http.StatusGone:
		return true
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return t.guessed
	}
	return false
}

// announced is the digest that Artifactory gives of what it holds.
func announced(h http.Header) (digest.SHA256, bool) {
	d, err := digest.Parse(strings.ToLower(h.Get("X-Checksum-Sha256")))
	return d, err == nil
}

// check looks at what an upload that succeeded left.
func (t *target) check(ctx context.Context, p publish.Package) error {
	there, err := t.look(ctx, p, headers)
	var other *publish.OtherBytesError
	switch {
	case errors.As(err, &other):
		return &spoiltError{other}
	case t.guessed:
	case err != nil || !there:
		doubt := fmt.Sprintf("%s was sent, but can't be had from %s", p.File(), t.address(t.Download, p))
		if err != nil {
			doubt += fmt.Sprintf(": %v", err)
		}
		t.Report.Send(publish.Event{Kind: publish.Doubt, Name: p.File(), Message: doubt})
	}
	return nil
}

// spoiltError says that the server keeps something else than it was sent.
type spoiltError struct{ other *publish.OtherBytesError }

func (e *spoiltError) Error() string {
	return "the server accepted it, but " + e.other.Location + " holds other bytes"
}

// Hint says what to do.
func (e *spoiltError) Hint() string {
	return "delete the package on the server and look for a proxy or a quota that cuts uploads off"
}

// webPageError says that a page for people came instead of a package.
type webPageError struct{}

func (e *webPageError) Error() string { return "answered with a web page instead of a package" }

// Hint says what the reason is likely to be.
func (e *webPageError) Hint() string {
	return "check http.download in the spec; servers that want a login may answer like this too"
}

// clientFor keeps secrets from other hosts than the one they are for.
func (t *target) clientFor(address string) *client.Client {
	if u, err := url.Parse(address); err == nil && u.Scheme+"://"+u.Host == t.origin {
		return t.client
	}
	return t.foreign
}
