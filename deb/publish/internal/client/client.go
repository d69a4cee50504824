// Package client sends requests to servers that take packages. It asks again
// where that can help, says in its errors what was asked and answered, and keeps
// secrets out of them.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/stall"
)

// Options are what a Client is made of. The zero value of all but Transport is
// a default.
type Options struct {
	// Transport is what connections are made by.
	Transport http.RoundTripper
	// Auth is added to requests to the host that they name.
	Auth Auth
	// Tries is how often a request is sent that fails in passing: 4 times.
	Tries int
	// Stall is for how long nothing may move: two minutes, since servers sign
	// indexes before they answer.
	Stall time.Duration
	// Busy are answers beyond the usual ones after which another try may help.
	Busy []int
	// Sleep waits between tries.
	Sleep func(context.Context, time.Duration) error
	Now   func() time.Time
	// Retrying is told why and for how long it waits before a further try.
	Retrying func(err error, pause time.Duration)
}

// Client sends requests. It may be used by several goroutines at once.
type Client struct {
	opts Options
	http *http.Client
}

// New returns a client.
func New(opts Options) *Client {
	if opts.Tries <= 0 {
		opts.Tries = 4
	}
	if opts.Stall <= 0 {
		opts.Stall = 2 * time.Minute
	}
	if opts.Sleep == nil {
		opts.Sleep = cancel.Sleep
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Retrying == nil {
		opts.Retrying = func(error, time.Duration) {}
	}
	c := &Client{opts: opts}
	c.http = &http.Client{Transport: stall.Transport(opts.Transport, opts.Stall), CheckRedirect: c.redirect}
	return c
}

// Request is one to send.
type Request struct {
	Method, URL string
	Header      http.Header
	// Body is nil for none.
	Body *Body
	// Sent is told how much of the body has been sent so far, in this try. It may
	// be nil.
	Sent func(n int64)
	// Read takes the body of an answer of 200. It is called once for each try, and
	// need not read to the end. Without it the beginning is kept in Answer.Body.
	Read func(Answer, io.Reader) error
}

// Body is what a request holds. It can be read more than once.
type Body struct {
	// Size is its number of bytes.
	Size int64
	Type string
	Open func() (io.ReadCloser, error)
}

// JSON is a body that holds text.
func JSON(text []byte) *Body {
	return &Body{Size: int64(len(text)), Type: "application/json", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
}

// Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	// Size is the number of bytes that the body has, or -1.
	Size int64
	Body []byte
	// Tries is how often it was asked.
	Tries int
}

// maxAnswer is how much of a body is kept: aptly lists what it knows of a package.
const maxAnswer = 4 << 20

// Do sends a request until it has an answer that another try wouldn't change. An
// answer other than 2xx is a *StatusError.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	for try := 1; ; try++ {
		answer, err := c.once(ctx, r)
		answer.Tries = try
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return answer, context.Cause(ctx)
		}
		if !c.transient(err) || try == c.opts.Tries {
			return answer, c.failed(r, err, try)
		}
		pause := c.backoff(try, err)
		c.opts.Retrying(c.failed(r, err, 1), pause)
		if err := c.opts.Sleep(ctx, pause); err != nil {
			return answer, err
		}
	}
}

// failed says what was asked.
func (c *Client) failed(r Request, err error, tries int) error {
	var local *localError
	if errors.As(err, &local) {
		return local.err
	}
	return &Error{Method: r.Method, URL: c.redact(r.URL), Tries: tries, Err: err}
}

func (c *Client) once(ctx context.Context, r Request) (Answer, error) {
	req, body, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.unsent(body, err)
	}
	defer resp.Body.Close()
	answer := Answer{Status: resp.StatusCode, Header: resp.Header, Size: resp.ContentLength}
	if r.Read != nil && resp.StatusCode == http.StatusOK {
		err = r.Read(answer, resp.Body)
	} else {
		answer.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer, c.statusError(answer)
	}
	return answer, err
}

// unsent says why there is no answer.
func (c *Client) unsent(body *sending, err error) error {
	if body != nil && body.failure() != nil {
		return &localError{body.failure()}
	}
	broken := describe(err)
	broken.text = c.redact(broken.text)
	return broken
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, *sending, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, nil)
	if err != nil {
		return nil, nil, &localError{fmt.Errorf("%q is not a valid address", c.redact(r.URL))}
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "envbuild")
	req.Header.Set("Accept-Encoding", "identity") // a .deb is compared as it lies there
	c.opts.Auth.apply(req.Header)
	if r.Body == nil {
		return req, nil, nil
	}
	in, err := r.Body.Open()
	if err != nil {
		return nil, nil, &localError{err}
	}
	body := &sending{ReadCloser: in, sent: r.Sent}
	req.Body, req.ContentLength = body, r.Body.Size
	if r.Body.Size == 0 {
		req.Body = http.NoBody
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", r.Body.Type)
	}
	if r.Body.Size > expectFrom {
		// So that a server can refuse before it has been sent everything.
		req.Header.Set("Expect", "100-continue")
	}
	return req, body, nil
}

// expectFrom is the size of body from which it is worth a round trip to ask first.
const expectFrom = 1 << 20

// redirect follows answers to GET alone: what is sent goes where the spec says,
// and a PUT that is sent elsewhere would become a GET. Secrets stay with the host
// that they are for.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return http.ErrUseLastResponse
	case len(via) >= 10:
		return errors.New("redirected more than 10 times")
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("redirected from https to http")
	}
	c.opts.Auth.remove(req.Header)
	if req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host {
		c.opts.Auth.apply(req.Header)
	}
	return nil
}

// backoff doubles from half a second, unless the server says how long.
func (c *Client) backoff(try int, err error) time.Duration {
	const most = time.Minute // nobody waits longer because a server says so
	var status *StatusError
	if errors.As(err, &status) && status.retryAfter > 0 {
		return min(status.retryAfter, most)
	}
	return min(500*time.Millisecond<<(try-1), most)
}

// redact takes secrets out of a text that people will see.
func (c *Client) redact(text string) string {
	for _, s := range c.opts.Auth.secrets() {
		if len(s) >= 4 { // replacing less would only garble the text
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	return text
}
