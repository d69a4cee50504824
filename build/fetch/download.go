package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// fill writes what the place has to the sink, and says how often it asked.
func (f *Fetcher) fill(ctx context.Context, name string, p place, out *sink) (tries int, err error) {
	if p.url == nil {
		return 1, p.copyTo(out)
	}
	if f.opts.Offline {
		return 0, ErrOffline
	}
	release, err := f.slots.acquire(ctx, p.url.Host)
	if err != nil {
		return 0, err
	}
	defer release()
	if err := f.deadBecause(p.url.Host); err != nil {
		return 0, fmt.Errorf("not asked again: %s", describe(err))
	}
	d := download{fetcher: f, url: p.url, out: out}
	for try := 1; ; try++ {
		err := d.once(ctx)
		switch {
		case err == nil:
			return try, nil
		case ctx.Err() != nil:
			return try, context.Cause(ctx)
		case unreachable(err) && (!transient(err) || try == f.opts.Tries):
			f.markDead(p.url.Host, err)
			return try, err
		case out.failed != nil, !transient(err), try == f.opts.Tries:
			return try, err
		}
		pause := f.backoff(try, err)
		f.opts.Progress(Event{Kind: Retrying, Name: name, Place: p.String(), Err: err, Duration: pause})
		if err := f.opts.Sleep(ctx, pause); err != nil {
			return try, err
		}
	}
}

// maxPause keeps a server from making people wait longer than they would.
const maxPause = time.Minute

// backoff doubles from half a second, unless the server says how long.
func (f *Fetcher) backoff(try int, err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) && status.RetryAfter > 0 {
		return min(status.RetryAfter, maxPause)
	}
	return min(500*time.Millisecond<<(try-1), maxPause)
}

func (f *Fetcher) markDead(host string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead[host] = err
}

func (f *Fetcher) deadBecause(host string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead[host]
}

// download is one body, asked for as often as it takes: a further request goes
// on where the last one broke off. Whether the pieces fit is for the digest to
// say.
type download struct {
	fetcher *Fetcher
	url     *url.URL
	out     *sink
	// validator names the version of the body that the first piece is of, or "".
	validator string
}

func (d *download) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := &StallError{After: d.fetcher.opts.Stall}
	timer := time.AfterFunc(stall.After, func() { cancel(stall) })
	defer timer.Stop()

	req, err := d.request(ctx)
	if err != nil {
		return err
	}
	resp, err := d.fetcher.client.Do(req)
	if err != nil {
		return stalledOr(ctx, err)
	}
	defer resp.Body.Close()
	// The timer's own error is not touched any more: it may be in use.
	timer.Stop()
	body := &StallError{After: stall.After, Answered: true}
	timer = time.AfterFunc(stall.After, func() { cancel(body) })
	defer timer.Stop()
	if err := d.accept(resp); err != nil {
		return err
	}
	_, err = io.Copy(d.out, &watchedReader{r: resp.Body, awake: func() { timer.Reset(stall.After) }})
	return d.ended(ctx, resp, err)
}

func (d *download) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "envbuild")
	// Otherwise net/http asks for gzip and unpacks it, and some servers mark
	// .tar.gz files as encoded: the digest is of the file as it lies there.
	req.Header.Set("Accept-Encoding", "identity")
	if d.out.n > 0 && d.validator != "" {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.out.n))
		req.Header.Set("If-Range", d.validator)
	}
	return req, d.fetcher.authorize(req, true)
}

// accept checks the status and makes the sink expect what the body holds.
func (d *download) accept(resp *http.Response) error {
	d.out.skip = 0
	switch resp.StatusCode {
	case http.StatusOK:
		d.out.skip = d.out.n
		if resp.ContentLength > 0 {
			d.out.size = resp.ContentLength
		}
		d.validator = validator(resp.Header)
		return nil
	case http.StatusPartialContent:
		if from, ok := rangeStart(resp.Header.Get("Content-Range")); !ok || from != d.out.n {
			return fmt.Errorf("answered with the range %q, asked from byte %d on", resp.Header.Get("Content-Range"), d.out.n)
		}
		return nil
	}
	return &StatusError{Code: resp.StatusCode, RetryAfter: d.retryAfter(resp.Header.Get("Retry-After"))}
}

// ended makes an error of a body that is shorter than promised.
func (d *download) ended(ctx context.Context, resp *http.Response, err error) error {
	var limit *LimitError
	switch {
	case d.out.failed != nil, errors.As(err, &limit):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &TruncatedError{Got: d.out.n, Want: d.out.size}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &TruncatedError{Got: d.out.n, Want: d.out.size, Err: err}
	case d.out.skip > 0:
		return &TruncatedError{Got: d.out.n - d.out.skip, Want: d.out.size}
	case resp.ContentLength < 0 && resp.ProtoMajor == 1 && len(resp.TransferEncoding) == 0 && d.out.n < d.out.size:
		// Only the end of the connection ended this body.
		return &TruncatedError{Got: d.out.n, Want: d.out.size}
	}
	return nil
}

// stalledOr returns why ctx ended, if that is why err came about.
func stalledOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// validator returns what names this version of a body for If-Range, which takes
// no weak tags.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// rangeStart reads the first number of "bytes 1000-4999/5000".
func rangeStart(s string) (int64, bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	first, _, found := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(first, 10, 64)
	return n, ok && found && err == nil
}

// retryAfter reads seconds or a date.
func (d *download) retryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(d.fetcher.opts.Now()))
	}
	return 0
}

// sink takes a body, perhaps in several pieces.
type sink struct {
	w io.Writer
	// n bytes have been written; the next skip bytes are known already.
	n, skip int64
	// size is what is expected, or 0; limit is what is taken at most, or 0.
	size, limit int64
	// failed is the first error of w, which no other place can mend.
	failed error
	// report is told of progress, about every reportEvery bytes; it may be nil.
	report   func(n, size int64)
	reported int64
}

const reportEvery = 128 << 10

// Write passes on what is new.
func (s *sink) Write(p []byte) (int, error) {
	known := int(min(s.skip, int64(len(p))))
	s.skip -= int64(known)
	fresh := p[known:]
	if s.limit > 0 && s.n+int64(len(fresh)) > s.limit {
		return known, &LimitError{Limit: s.limit}
	}
	n, err := s.w.Write(fresh)
	s.n += int64(n)
	if err != nil {
		s.failed = err
		return known + n, err
	}
	if s.report != nil && s.n-s.reported >= reportEvery {
		s.reported = s.n
		s.report(s.n, s.size)
	}
	return len(p), nil
}

// watchedReader calls awake whenever something arrives.
type watchedReader struct {
	r     io.Reader
	awake func()
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.awake()
	}
	return n, err
}
