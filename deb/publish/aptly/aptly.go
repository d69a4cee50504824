// Package aptly publishes packages through the API of a running aptly, version
// 1.3 or later: it uploads them to a directory of their own, adds that to a local
// repository, and updates what is published of it.
package aptly

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/internal/client"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/proxy"
)

// Options describe the server.
type Options struct {
	// Name is the target's, for errors.
	Name string
	// URL is the base of the API, without /api and without a slash at the end.
	URL string
	// Repo is the local repository; Prefix and Distribution say where it is
	// published.
	Repo, Prefix, Distribution string
	// GPGKey is the key that signs there; empty is the server's own choice.
	// Unsigned leaves the signature out.
	GPGKey   string
	Unsigned bool
	// Variables is what the names of variables with secrets begin with.
	Variables string
	// Getenv gives the environment: secrets, proxies, and where netrc is.
	Getenv func(string) string
	Report publish.Report

	// For tests; the zero values are those of the client.
	Transport http.RoundTripper
	Sleep     func(context.Context, time.Duration) error
}

type target struct {
	Options
	client *client.Client
}

// New returns the target.
func New(opts Options) (publish.Target, error) {
	u, err := url.Parse(opts.URL)
	if err != nil {
		return nil, &publish.Error{Target: opts.Name, Err: errors.New("its address can't be read")}
	}
	auth, err := client.Find(client.Ask{Variables: opts.Variables, Host: u.Hostname()}, opts.Getenv)
	if err != nil {
		return nil, &publish.Error{Target: opts.Name, Err: err}
	}
	if opts.Sleep == nil {
		opts.Sleep = cancel.Sleep
	}
	transport := opts.Transport
	if transport == nil {
		transport = proxy.Transport(opts.Getenv)
	}
	return &target{opts, client.New(client.Options{
		Transport: transport, Auth: auth, Sleep: opts.Sleep, Retrying: opts.Report.Waits, Busy: []int{http.StatusConflict},
	})}, nil
}

// rounds is how often packages are added that aptly has lost again.
const rounds = 8

// Publish implements publish.Target. All packages are added and published at
// once.
//
// When several clients add packages at the same time aptly (1.5.0) loses some of
// them, though it says that they were added: of twelve packages of four clients
// six were gone. So what is there afterwards is looked at, and what is not is
// added again.
func (t *target) Publish(ctx context.Context, packages []publish.Package) ([]publish.Published, error) {
	if err := t.prepared(ctx, packages); err != nil {
		return nil, t.failed(nil, err)
	}
	done, missing, err := t.lookAll(ctx, packages)
	if err != nil {
		return nil, err
	}
	was := make(map[publish.Package]bool, len(done))
	for _, d := range done {
		was[d.Package] = true
	}
	for round := 1; ; round++ {
		if err := t.add(ctx, missing); err != nil {
			return nil, err
		}
		// Also if nothing was added: an earlier call may have been killed between
		// adding and this.
		if err := t.update(ctx); err != nil {
			return nil, t.failed(nil, err)
		}
		if done, missing, err = t.lookAll(ctx, packages); err != nil {
			return nil, err
		}
		if len(missing) == 0 {
			break
		}
		if round == rounds {
			return done, t.failed(&missing[0], errors.New("aptly accepted it, but doesn't have it: other clients add packages at the same time"))
		}
		pause := time.Duration(rand.IntN(200*round)) * time.Millisecond
		t.Report.Send(publish.Event{Kind: publish.Waiting, Name: missing[0].File(), Message: "aptly has lost " + missing[0].File() + " again, since another client added packages at the same time; adding it anew"})
		if err := t.Sleep(ctx, pause); err != nil {
			return done, t.failed(nil, err)
		}
	}
	for i := range done {
		done[i].Already = was[done[i].Package]
	}
	return done, nil
}

// lookAll divides packages into those that are there and those that are not.
func (t *target) lookAll(ctx context.Context, packages []publish.Package) (there []publish.Published, missing []publish.Package, err error) {
	for _, p := range packages {
		at, ok, err := t.look(ctx, p)
		switch {
		case err != nil:
			return nil, nil, t.failed(&p, err)
		case ok:
			there = append(there, publish.Published{Package: p, Location: at})
		default:
			missing = append(missing, p)
		}
	}
	return there, missing, nil
}

func (t *target) failed(p *publish.Package, err error) error {
	e := &publish.Error{Target: t.Name, Err: err}
	if p != nil {
		e.Package = p.File()
	}
	return e
}

// publication is how aptly describes what it publishes.
type publication struct {
	Prefix, Distribution, Storage, SourceKind string
	Architectures                             []string
	Sources                                   []struct{ Component, Name string }
}

// prepared checks that the repository is there and published as the spec says,
// for the architectures of the packages: aptly leaves out the others in silence.
func (t *target) prepared(ctx context.Context, packages []publish.Package) error {
	err := t.call(ctx, http.MethodGet, "/api/repos/"+url.PathEscape(t.Repo), nil, nil)
	if isStatus(err, http.StatusNotFound) {
		return &setupError{"aptly has no local repository " + t.Repo, "make it there: aptly repo create " + t.Repo}
	}
	if err != nil {
		return err
	}
	var all []publication
	if err := t.call(ctx, http.MethodGet, "/api/publish", nil, &all); err != nil {
		return err
	}
	i := slices.IndexFunc(all, t.is)
	command := "aptly publish repo -distribution=" + t.Distribution + " " + t.Repo + " " + t.Prefix
	if i < 0 {
		return &setupError{"aptly publishes nothing as " + t.Prefix + "/" + t.Distribution, "publish it there once: " + command}
	}
	found := all[i]
	if found.SourceKind != "local" || !slices.ContainsFunc(found.Sources, func(s struct{ Component, Name string }) bool { return s.Name == t.Repo }) {
		return &setupError{"what aptly publishes as " + t.Prefix + "/" + t.Distribution + " isn't made of the local repository " + t.Repo,
			"correct aptly.repo or aptly.prefix in the spec; snapshots are switched on the server"}
	}
	for _, p := range packages {
		if p.Arch != "all" && !slices.Contains(found.Architectures, p.Arch) {
			return &setupError{fmt.Sprintf("aptly publishes %s/%s for %s only, so that %s would be left out", t.Prefix, t.Distribution,
				strings.Join(found.Architectures, ", "), p.File()),
				"drop the publication there and publish it again with -architectures=" + strings.Join(append(found.Architectures, p.Arch), ",")}
		}
	}
	return nil
}

func (t *target) is(p publication) bool {
	prefix := p.Prefix
	if p.Storage != "" {
		prefix = p.Storage + ":" + prefix
	}
	return prefix == t.Prefix && p.Distribution == t.Distribution
}

// setupError says that aptly isn't set up as the spec says.
type setupError struct{ message, hint string }

func (e *setupError) Error() string { return e.message }

// Hint says what to do.
func (e *setupError) Hint() string { return e.hint }

// look asks for a package, and returns the address that describes it. With other
// bytes the error is a *publish.OtherBytesError.
func (t *target) look(ctx context.Context, p publish.Package) (at string, there bool, err error) {
	var found []struct {
		Package, Version, Architecture, Key string
		SHA256                              string
	}
	query := url.Values{"q": {p.Name + " (= " + p.Version + "), $Architecture (= " + p.Arch + ")"}, "format": {"details"}}
	if err := t.call(ctx, http.MethodGet, "/api/repos/"+url.PathEscape(t.Repo)+"/packages?"+query.Encode(), nil, &found); err != nil {
		return "", false, err
	}
	for _, f := range found {
		if f.Package != p.Name || f.Version != p.Version || f.Architecture != p.Arch {
			continue
		}
		at := t.URL + "/api/packages/" + url.PathEscape(f.Key)
		theirs, err := digest.Parse(f.SHA256)
		if err != nil || theirs != p.SHA256 {
			return "", false, &publish.OtherBytesError{Location: at, Ours: p.SHA256, Theirs: theirs}
		}
		return at, true, nil
	}
	return "", false, nil
}

// add uploads packages and adds them to the repository.
func (t *target) add(ctx context.Context, packages []publish.Package) (err error) {
	if len(packages) == 0 {
		return nil
	}
	directory := "envbuild-" + strings.ToLower(crand.Text())
	defer func() { t.discard(ctx, directory) }()
	for _, p := range packages {
		body := client.Form("envbuild-"+p.SHA256.String(), nil, "file", p.File(), client.File(p.Path, p.Size, p.SHA256))
		sent, ended := t.Report.Sending(p, body.Size)
		_, err := t.client.Do(ctx, client.Request{Method: http.MethodPost, URL: t.URL + "/api/files/" + directory, Body: body, Sent: sent})
		ended()
		if err != nil {
			return t.failed(&p, err)
		}
	}
	var result struct {
		FailedFiles []string
		Report      struct{ Warnings []string }
	}
	if err := t.call(ctx, http.MethodPost, "/api/repos/"+url.PathEscape(t.Repo)+"/file/"+directory, nil, &result); err != nil {
		return t.failed(nil, err)
	}
	for _, p := range packages {
		if !slices.ContainsFunc(result.FailedFiles, func(f string) bool { return path.Base(f) == p.File() }) {
			continue
		}
		// Another publisher may have been faster, with these bytes or with others.
		_, there, err := t.look(ctx, p)
		if err == nil && !there {
			err = fmt.Errorf("aptly refused it: %s", strings.Join(result.Report.Warnings, "; "))
		}
		if err != nil {
			return t.failed(&p, err)
		}
	}
	return nil
}

// discard removes what was uploaded. aptly does that itself with what it takes.
func (t *target) discard(ctx context.Context, directory string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := t.call(ctx, http.MethodDelete, "/api/files/"+directory, nil, nil); err != nil {
		t.Report.Send(publish.Event{Kind: publish.Doubt, Message: fmt.Sprintf("what was uploaded to aptly's directory %s stays there: %v", directory, err)})
	}
}

// update publishes what the repository holds.
func (t *target) update(ctx context.Context) error {
	type signing struct {
		Skip   bool   `json:",omitempty"`
		Batch  bool   `json:",omitempty"`
		GpgKey string `json:",omitempty"`
	}
	request := struct{ Signing signing }{signing{Skip: t.Unsigned, Batch: !t.Unsigned, GpgKey: t.GPGKey}}
	err := t.call(ctx, http.MethodPut, "/api/publish/"+escapePrefix(t.Prefix)+"/"+url.PathEscape(t.Distribution), request, nil)
	if err != nil {
		return fmt.Errorf("the packages are in %s, but aptly can't publish it: %w", t.Repo, err)
	}
	return nil
}

// escapePrefix writes a prefix as a part of the API's addresses.
func escapePrefix(prefix string) string {
	if prefix == "." {
		return ":."
	}
	return url.PathEscape(strings.NewReplacer("_", "__", "/", "_").Replace(prefix))
}

// call sends a request, with in as JSON if it isn't nil, and reads the answer
// into out if that isn't nil.
func (t *target) call(ctx context.Context, method, at string, in, out any) error {
	r := client.Request{Method: method, URL: t.URL + at}
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.Body = client.JSON(text)
	}
	answer, err := t.client.Do(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return &setupError{fmt.Sprintf("%s %s answered with something that aptly doesn't say", method, t.URL+strings.SplitN(at, "?", 2)[0]),
			"check aptly.url in the spec: the API is looked for below it"}
	}
	return nil
}

func isStatus(err error, code int) bool {
	var status *client.StatusError
	return errors.As(err, &status) && status.Code == code
}
