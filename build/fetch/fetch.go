// Package fetch brings archives into the store, from wherever their bytes can be
// had: a vendor directory, the project's mirrors, upstream, the machine's own apt
// mirror. An archive is named by its digest, so it doesn't matter who delivers
// it, and wrong bytes never get in. It also reads small files and finds archives
// whose digest is not known yet, for locking.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/netrc"
	"github.com/envbuild/envbuild/internal/proxy"
)

// Store is where archives go.
type Store interface {
	// Source returns the path of an archive that is there and has been proved to
	// have that digest.
	Source(d digest.SHA256) (path string, ok bool)
	// AddSource keeps what fill writes, if it has the digest want or want is zero,
	// and says what came in any case. An error of fill is in the chain of err.
	AddSource(want digest.SHA256, fill func(w io.Writer) error) (got digest.SHA256, size int64, err error)
}

// Request is one archive.
type Request struct {
	// Name is what people call it: "Plack-1.0050".
	Name string
	// File is its file name: "Plack-1.0050.tar.gz".
	File string
	// SHA256 names the bytes.
	SHA256 digest.SHA256
	// Size is their number, or 0 where it is not known.
	Size int64
	// Path is where the archive is below a mirror and below the vendor directory:
	// "authors/id/M/MI/MIYAGAWA/Plack-1.0050.tar.gz". It may be empty.
	Path string
	// Mirrors are base addresses (http, https, file) or directories.
	Mirrors []string
	// URLs are whole addresses.
	URLs []string
	// DebianPaths are paths below the apt mirrors.
	DebianPaths []string
}

// Archive is a source in the store.
type Archive struct {
	// File is its path on disk, read-only.
	File   string
	SHA256 digest.SHA256
	Size   int64
	// Place is the address from which the bytes came, without credentials, or ""
	// if they were there already. For Find, Mirror is the mirror as it was given.
	Place  string
	Mirror string
}

// EventKind says what an event reports.
type EventKind string

// The kinds of events. The comment names the fields that are filled besides
// Kind and Name.
const (
	// Started: the store doesn't have the archive. Size, if it is known.
	Started EventKind = "started"
	// Progress: Place, Bytes so far, Size.
	Progress EventKind = "progress"
	// Retrying: a place is asked again after a pause. Place, Err, Duration (of the
	// pause).
	Retrying EventKind = "retrying"
	// PlaceFailed: another place may have the archive. Place, Err.
	PlaceFailed EventKind = "place-failed"
	// WrongBytes: a place delivered something else; a person should know even if
	// another has the right archive. Place, Err.
	WrongBytes EventKind = "wrong-bytes"
	// Done: Place, Bytes, Duration.
	Done EventKind = "done"
	// Failed: nobody has the archive, or it can't be kept. Err.
	Failed EventKind = "failed"
)

// Event is one thing that happened.
type Event struct {
	Kind     EventKind
	Name     string
	Place    string
	Bytes    int64
	Size     int64
	Duration time.Duration
	Err      error
}

// Options are what a Fetcher works with. Store must be set.
type Options struct {
	Store Store
	// Client does the requests; nil means one that honours the
	// proxy variables.
	Client *http.Client
	// Authorization returns the header of that name for an address, or "" for one
	// whose credentials only netrc may have; nil has none.
	Authorization func(address string) string
	// Getenv looks up http_proxy and its like, NETRC and HOME; nil means os.Getenv.
	Getenv func(string) string
	// Dir is the directory that relative directories among the mirrors start from.
	Dir string
	// Vendor is a directory with archives, or "".
	Vendor string
	// AptBases are the base addresses of the machine's apt mirrors.
	AptBases []string
	// Offline asks nothing of the network.
	Offline bool
	// Parallel is the number of archives that are brought at once, and PerHost how
	// many of them from one host; 0 means 8 and 4.
	Parallel, PerHost int
	// Tries is how often a place that is in trouble is asked; 0 means 4.
	Tries int
	// Stall is how long a place may be silent; 0 means 30 s.
	Stall time.Duration
	// Progress receives events, from several goroutines at once. It may be nil.
	Progress func(Event)
	// Sleep waits between tries; nil means to wait for real.
	Sleep func(ctx context.Context, d time.Duration) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Fetcher brings archives. It may be used from several goroutines.
type Fetcher struct {
	opts   Options
	client *http.Client
	netrc  func() (*netrc.File, error)
	slots  *slots

	mu sync.Mutex
	// dead holds hosts that could not even be connected to, so that the next
	// archive doesn't wait for them again.
	dead map[string]error
}

// New returns a Fetcher.
func New(opts Options) *Fetcher {
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	if opts.Client == nil {
		opts.Client = &http.Client{Transport: proxy.Transport(opts.Getenv)}
	}
	if opts.Parallel <= 0 {
		opts.Parallel = 8
	}
	if opts.PerHost <= 0 {
		opts.PerHost = 4
	}
	if opts.Tries <= 0 {
		opts.Tries = 4
	}
	if opts.Stall <= 0 {
		opts.Stall = 30 * time.Second
	}
	if opts.Progress == nil {
		opts.Progress = func(Event) {}
	}
	if opts.Sleep == nil {
		opts.Sleep = cancel.Sleep
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	f := &Fetcher{
		opts:  opts,
		netrc: sync.OnceValues(func() (*netrc.File, error) { return netrc.Read(opts.Getenv) }),
		slots: newSlots(opts.Parallel, opts.PerHost),
		dead:  map[string]error{},
	}
	f.client = f.withRedirectRules(opts.Client)
	return f
}

// Get brings one archive into the store. Places are tried in the order of
// design.md §2.1: the store, the vendor directory, the mirrors, the URLs, the apt
// mirrors. The error is an *Error that says what each answered, or that of ctx.
// It may be called for any number of archives at once.
func (f *Fetcher) Get(ctx context.Context, req Request) (Archive, error) {
	if path, ok := f.opts.Store.Source(req.SHA256); ok {
		return stored(path, req.SHA256)
	}
	start := f.opts.Now()
	f.opts.Progress(Event{Kind: Started, Name: req.Name, Size: req.Size})
	archive, err := f.fromPlaces(ctx, req)
	f.finish(req.Name, archive, start, err)
	return archive, err
}

func (f *Fetcher) fromPlaces(ctx context.Context, req Request) (Archive, error) {
	failure := &Error{Name: req.Name}
	places, err := f.places(req)
	if err != nil {
		failure.Err = err
		return Archive{}, failure
	}
	for _, p := range places {
		archive, attempt, err := f.try(ctx, req, p)
		if ctx.Err() != nil {
			return Archive{}, context.Cause(ctx)
		}
		if attempt == nil {
			return archive, nil
		}
		failure.Attempts = append(failure.Attempts, attempt)
		if failure.Err = err; err != nil {
			return Archive{}, failure
		}
		f.report(req, attempt)
	}
	return Archive{}, failure
}

// finish reports how it ended.
func (f *Fetcher) finish(name string, a Archive, start time.Time, err error) {
	e := Event{Kind: Done, Name: name, Place: a.Place, Bytes: a.Size, Duration: f.opts.Now().Sub(start)}
	if err != nil {
		e.Kind, e.Err = Failed, err
	}
	f.opts.Progress(e)
}

func stored(path string, d digest.SHA256) (Archive, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Archive{}, err
	}
	return Archive{File: path, SHA256: d, Size: fi.Size()}, nil
}

func (f *Fetcher) report(req Request, attempt *PlaceError) {
	kind := PlaceFailed
	var wrong *WrongBytesError
	switch {
	case errors.As(attempt.Err, &wrong):
		kind = WrongBytes
	case errors.Is(attempt.Err, fs.ErrNotExist) || errors.Is(attempt.Err, ErrOffline):
		return // nothing happened: a vendor directory need not have everything
	}
	f.opts.Progress(Event{Kind: kind, Name: req.Name, Place: attempt.Place, Err: attempt})
}

// try asks one place. An attempt without err means that the place failed; err
// means that the archive could not be kept, so that other places would not help.
func (f *Fetcher) try(ctx context.Context, req Request, p place) (Archive, *PlaceError, error) {
	var tries int
	var fillErr error
	out := &sink{size: req.Size, report: func(n, size int64) {
		f.opts.Progress(Event{Kind: Progress, Name: req.Name, Place: p.String(), Bytes: n, Size: size})
	}}
	if req.Size > 0 {
		out.limit = req.Size + excess
	}
	got, size, err := f.opts.Store.AddSource(req.SHA256, func(w io.Writer) error {
		out.w = w
		tries, fillErr = f.fill(ctx, req.Name, p, out)
		return fillErr
	})
	fail := func(err error) *PlaceError { return &PlaceError{Place: p.String(), Err: err, Tries: tries} }
	switch {
	case err == nil:
		return f.archive(p, got, size)
	case out.failed != nil:
		return Archive{}, fail(out.failed), err
	case fillErr != nil:
		return Archive{}, fail(fillErr), nil
	case !req.SHA256.IsZero() && got != req.SHA256:
		return Archive{}, fail(&WrongBytesError{Got: got, Want: req.SHA256, Size: size}), nil
	}
	return Archive{}, fail(err), err
}

// excess is how many bytes more than expected are taken from a place before it
// is given up. Up to that, the error can name the digest of what came.
const excess = 16 << 20

func (f *Fetcher) archive(p place, d digest.SHA256, size int64) (Archive, *PlaceError, error) {
	path, ok := f.opts.Store.Source(d)
	if !ok {
		err := fmt.Errorf("%s was stored and is not there", d)
		return Archive{}, &PlaceError{Place: p.String(), Err: err}, err
	}
	return Archive{File: path, SHA256: d, Size: size, Place: p.String()}, nil, nil
}
