package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/aptly"
	"github.com/envbuild/envbuild/deb/publish/upload"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/s3"
	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/pkgspec"
)

// target opens what the spec describes. done closes it.
func (s *session) target(ctx context.Context, t pkgspec.PublishTarget) (target publish.Target, done func() error, err error) {
	done = func() error { return nil }
	if err := s.mayReach(t); err != nil {
		return nil, nil, err
	}
	switch {
	case t.Aptly != nil:
		key := ""
		if len(t.Sign) > 0 {
			key = t.Sign[0].GPG
		}
		target, err = aptly.New(aptly.Options{
			Name: t.Name, URL: t.Aptly.URL, Repo: t.Aptly.Repo, Prefix: t.Aptly.Prefix, Distribution: t.Distribution,
			GPGKey: key, Unsigned: t.Aptly.Unsigned, Variables: publishVariables(t), Getenv: s.getenv, Report: s.publishEvents(),
		})
	case t.HTTP != nil:
		target, err = upload.New(s.uploadOptions(t))
	default:
		target, done, err = s.repositoryTarget(ctx, t)
	}
	return target, done, err
}

// mayReach fails for a target that only the network has, with --offline.
func (s *session) mayReach(t pkgspec.PublishTarget) error {
	if s.offline && t.Dir == "" {
		return &usageError{message: "--offline: the target " + t.Name + " is on another machine", hint: "leave --offline out"}
	}
	return nil
}

// publishVariables is what the names of the variables with a target's secrets
// begin with.
func publishVariables(t pkgspec.PublishTarget) string {
	return "ENVBUILD_PUBLISH_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, t.Name)
}

func (s *session) uploadOptions(t pkgspec.PublishTarget) upload.Options {
	h := t.HTTP
	opts := upload.Options{
		Name: t.Name, Distribution: t.Distribution, Component: t.Component,
		Method: h.Method, URL: h.URL.Expand,
		Auth:   upload.Auth{Kind: string(h.Auth.Kind), Header: h.Auth.Header, Scheme: h.Auth.Scheme, Variables: publishVariables(t)},
		Getenv: s.getenv, Report: s.publishEvents(),
	}
	if len(h.Download) > 0 {
		opts.Download = h.Download.Expand
	}
	fields := func(vars []pkgspec.TemplateVar) (out []upload.Field) {
		for _, v := range vars {
			out = append(out, upload.Field{Name: v.Name, Value: v.Value.Expand})
		}
		return out
	}
	opts.Headers = fields(h.Headers)
	if h.Form != nil {
		opts.FormFile, opts.Form = h.Form.File, fields(h.Form.Fields)
	}
	return opts
}

// repositoryTarget opens a repository that envbuild keeps itself.
func (s *session) repositoryTarget(ctx context.Context, t pkgspec.PublishTarget) (publish.Target, func() error, error) {
	storage, done, err := s.storage(ctx, t)
	if err != nil {
		return nil, nil, &publish.Error{Target: t.Name, Err: err}
	}
	keeper := &keeper{session: s, target: t, storage: storage}
	opts, err := keeper.options(ctx, "")
	if err != nil {
		return nil, nil, errors.Join(&publish.Error{Target: t.Name, Err: err}, done())
	}
	out := publish.RepositoryOptions{
		Name: t.Name, Storage: storage, Location: storage.Location, Options: opts, Missing: keeper.howToMake(),
		Place: repo.Place{Distribution: t.Distribution, Component: t.Component},
	}
	if t.Create != nil {
		out.Create = func(ctx context.Context) (*repo.Repository, error) { return keeper.create(ctx, opts) }
	}
	return publish.NewRepository(out), done, nil
}

// located is a storage that knows the addresses of its files.
type located interface {
	repo.Storage
	Location(file string) string
}

// localFolder is a folder whose files' addresses are paths.
type localFolder struct{ *repo.Folder }

// Location implements located.
func (f localFolder) Location(file string) string {
	return filepath.Join(f.Root(), filepath.FromSlash(file))
}

func (s *session) storage(ctx context.Context, t pkgspec.PublishTarget) (located, func() error, error) {
	none := func() error { return nil }
	sent := s.sent()
	switch {
	case t.S3 != nil:
		storage, err := s3.New(s3.Options{
			Bucket: t.S3.Bucket, Prefix: t.S3.Prefix, Endpoint: t.S3.Endpoint, Region: t.S3.Region, Getenv: s.getenv, Sent: sent,
		})
		return storage, none, err
	case t.SSH != nil:
		storage, err := sftp.Open(ctx, sftp.Options{
			Host: t.SSH.Host, User: t.SSH.User, Port: t.SSH.Port, Path: t.SSH.Path,
			Variables: publishVariables(t), Environ: s.environ, Notice: s.publishNotice, Sent: sent,
		})
		if err != nil {
			return nil, nil, err
		}
		return storage, storage.Close, nil
	}
	return localFolder{repo.NewFolder(s.inProject(t.Dir), s.now)}, none, nil
}

// inProject is a path of the spec: relative to its folder.
func (s *session) inProject(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.spec.Dir, path)
}

func (s *session) publishNotice(message string) {
	s.emit(build.Event{Kind: build.Notice, Message: message})
}

// publishEvents shows what a target reports.
func (s *session) publishEvents() publish.Report {
	sent := s.sent()
	return func(e publish.Event) {
		switch e.Kind {
		case publish.Sending:
			sent(e.Name, e.Bytes, e.Size)
		case publish.Sent:
			sent(e.Name, -1, e.Size)
		case publish.Waiting:
			s.publishNotice(e.Message)
		case publish.Doubt:
			s.emit(build.Event{Kind: build.Warning, Message: e.Message})
		}
	}
}

// sent makes events of how much of which file has been sent. A file begins with
// the first call and ends when all of it is, or with -1. What is small goes by.
func (s *session) sent() func(name string, n, size int64) {
	const small = 256 << 10
	var mu sync.Mutex
	type upload struct {
		started build.Event
		last    int64
	}
	running := map[string]*upload{}
	return func(name string, n, size int64) {
		if size < small {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		name = filepath.Base(name)
		u := running[name]
		switch {
		case u == nil && n < 0:
			return
		case u == nil:
			u = &upload{started: build.Event{Kind: build.UploadStarted, Name: name, Size: size, Time: s.now()}}
			running[name] = u
			s.emit(u.started)
		}
		switch {
		case n < 0 || n == size:
			delete(running, name)
			s.emit(build.Event{Kind: build.UploadDone, Name: name, Bytes: size, Duration: s.now().Sub(u.started.Time)})
		case n < u.last || n-u.last >= 128<<10: // less than before: a further try
			u.last = n
			s.emit(build.Event{Kind: build.UploadProgress, Name: name, Bytes: n, Size: size})
		}
	}
}

// openTarget opens the repository of a target as it is: it makes none.
func (s *session) openTarget(ctx context.Context, name string) (k *keeper, done func() error, err error) {
	t, err := s.publishTo(name)
	if err != nil {
		return nil, nil, err
	}
	if t.Aptly != nil || t.HTTP != nil {
		return nil, nil, &usageError{message: "the target " + t.Name + " is no repository that envbuild keeps", hint: "ask its own server"}
	}
	if err := s.mayReach(t); err != nil {
		return nil, nil, err
	}
	t.Create = nil
	storage, done, err := s.storage(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	return &keeper{session: s, target: t, storage: storage}, done, nil
}

// signFlags are those of `envbuild repo init` that name a target's keys.
func (s *session) signFlags(t pkgspec.PublishTarget) string {
	var flags []string
	for _, k := range t.Sign {
		switch {
		case k.Key != "":
			flags = append(flags, "--sign-key "+s.inProject(k.Key))
		case k.GPG != "":
			flags = append(flags, "--sign-gpg "+k.GPG)
		default:
			flags = append(flags, fmt.Sprintf("--sign-command %q", strings.Join(k.Command, " ")))
		}
	}
	if len(flags) == 0 {
		return "--sign-key FILE"
	}
	return strings.Join(flags, " ")
}
