// Package upload publishes packages by one HTTP request each, as Artifactory,
// Nexus, Gitea, Forgejo, packagecloud and any server that knows PUT take them.
package upload

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/internal/client"
	"github.com/envbuild/envbuild/internal/proxy"
)

// Template makes a text of a package: it asks lookup for what its placeholders
// stand for. They are "name", "initial" (its first letter), "version", "arch",
// "file", "sha256", "distribution" and "component".
type Template func(lookup func(name string) string) string

// Field is a header, or a part of a form.
type Field struct {
	Name  string
	Value Template
}

// Options describe the server.
type Options struct {
	// Name is the target's, for errors.
	Name                    string
	Distribution, Component string
	// Method is PUT or POST, URL where a package is sent to.
	Method string
	URL    Template
	// Download is where a package can be had. nil is URL for PUT of a body, and
	// not known otherwise.
	Download Template
	Headers  []Field
	// FormFile is the name of the part with the package, if it is sent as a form
	// with Form's fields. Empty sends it as the body.
	FormFile string
	Form     []Field
	// Auth says which secret is looked for, but for its Host.
	Auth Auth
	// Getenv gives the environment: secrets, proxies, and where netrc is.
	Getenv func(string) string
	Report publish.Report

	// For tests; the zero values are those of the client.
	Transport http.RoundTripper
	Sleep     func(context.Context, time.Duration) error
	Stall     time.Duration
}

// Auth says how requests are authorized.
type Auth struct {
	// Kind is "auto", "none", "basic", "bearer" or "header".
	Kind string
	// Header and Scheme are for "header".
	Header, Scheme string
	// Variables is what the names of variables with secrets begin with.
	Variables string
}

// target is a server.
type target struct {
	Options
	client *client.Client
	// foreign has no secrets: for addresses of other hosts than the upload's.
	foreign *client.Client
	origin  string // scheme and host of the upload's address
	guessed bool   // Download wasn't given
}

// New returns the target. The error says which secret is missing.
func New(opts Options) (publish.Target, error) {
	t := &target{Options: opts}
	if opts.Download == nil && opts.Method == http.MethodPut && opts.FormFile == "" {
		t.Download, t.guessed = opts.URL, true
	}
	u, err := url.Parse(t.URL(func(string) string { return "x" }))
	if err != nil {
		return nil, &publish.Error{Target: opts.Name, Err: errors.New("its address can't be read")}
	}
	t.origin = u.Scheme + "://" + u.Host
	kinds := map[string]client.Kind{"none": client.None, "basic": client.Basic, "bearer": client.Token, "header": client.Token}
	auth, err := client.Find(client.Ask{
		Kind: kinds[opts.Auth.Kind], Header: opts.Auth.Header, Scheme: opts.Auth.Scheme,
		Variables: opts.Auth.Variables, Host: u.Hostname(),
	}, opts.Getenv)
	if err != nil {
		return nil, &publish.Error{Target: opts.Name, Err: err}
	}
	transport := opts.Transport
	if transport == nil {
		transport = proxy.Transport(opts.Getenv)
	}
	common := client.Options{Transport: transport, Sleep: opts.Sleep, Stall: opts.Stall, Retrying: opts.Report.Waits}
	t.foreign = client.New(common)
	common.Auth = auth
	t.client = client.New(common)
	return t, nil
}

// Publish implements publish.Target: one package after the other.
func (t *target) Publish(ctx context.Context, packages []publish.Package) ([]publish.Published, error) {
	var done []publish.Published
	for _, p := range packages {
		already, err := t.one(ctx, p)
		if err != nil {
			return done, &publish.Error{Target: t.Name, Package: p.File(), Err: err}
		}
		done = append(done, publish.Published{Package: p, Location: t.location(p), Already: already})
	}
	return done, nil
}

func (t *target) location(p publish.Package) string {
	if t.Download != nil {
		return t.address(t.Download, p)
	}
	return t.address(t.URL, p)
}

func (t *target) one(ctx context.Context, p publish.Package) (already bool, err error) {
	if t.Download != nil {
		there, err := t.look(ctx, p, wholeBody)
		if err != nil || there {
			return there, err
		}
	}
	answer, err := t.send(ctx, p)
	var status *client.StatusError
	switch {
	case errors.As(err, &status) && refused(status.Code):
		return t.explainRefusal(ctx, p, err, answer.Tries > 1)
	case err != nil:
		return false, err
	case t.Download != nil:
		return false, t.check(ctx, p)
	}
	return false, nil
}

// refused are the answers of servers that have the package already: Gitea says
// 409, Nexus 400, Artifactory 403, packagecloud 422, and WebDAV 412 to
// If-None-Match.
func refused(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// explainRefusal finds out whether the package was refused because it is there:
// another publisher sent it first, or an earlier try did whose answer was lost.
func (t *target) explainRefusal(ctx context.Context, p publish.Package, refusal error, retried bool) (already bool, err error) {
	var status *client.StatusError
	if t.Download != nil {
		there, err := t.look(ctx, p, wholeBody)
		var other *publish.OtherBytesError
		switch {
		case errors.As(err, &other):
			return false, err
		case there:
			return !retried, nil
		}
	} else if errors.As(refusal, &status) && status.Code == http.StatusConflict {
		return false, &thereError{refusal}
	}
	return false, refusal
}

// thereError is a refusal where nobody can tell what is there.
type thereError struct{ err error }

func (e *thereError) Error() string { return e.err.Error() }

func (e *thereError) Unwrap() error { return e.err }

// Hint says how it could be told.
func (e *thereError) Hint() string {
	return "it seems to be there already; whether with the same bytes can be told if the spec says where it is: http.download"
}

// send uploads a package.
func (t *target) send(ctx context.Context, p publish.Package) (client.Answer, error) {
	header := http.Header{}
	for _, h := range t.Headers {
		header.Add(h.Name, h.Value(t.placeholders(p, plain)))
	}
	body := client.File(p.Path, p.Size, p.SHA256)
	if t.FormFile != "" {
		var fields []client.FormField
		for _, f := range t.Form {
			fields = append(fields, client.FormField{Name: f.Name, Value: f.Value(t.placeholders(p, plain))})
		}
		body = client.Form("envbuild-"+p.SHA256.String(), fields, t.FormFile, p.File(), body)
	}
	sent, ended := t.Report.Sending(p, body.Size)
	defer ended()
	return t.client.Do(ctx, client.Request{Method: t.Method, URL: t.address(t.URL, p), Header: header, Body: body, Sent: sent})
}

// address fills a template in. What stands for a placeholder is escaped, so that
// it can't become another part of the address.
func (t *target) address(tmpl Template, p publish.Package) string {
	return tmpl(t.placeholders(p, escape))
}

func plain(s string) string { return s }

// escape leaves what has no meaning in any part of an address. A plus becomes
// %2B: in front of buckets some servers read it as a blank.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

func (t *target) placeholders(p publish.Package, quote func(string) string) func(string) string {
	return func(name string) string {
		return quote(map[string]string{
			"name": p.Name, "initial": p.Name[:1], "version": p.Version, "arch": p.Arch, "file": p.File(), "sha256": p.SHA256.String(),
			"distribution": t.Distribution, "component": t.Component,
		}[name])
	}
}
