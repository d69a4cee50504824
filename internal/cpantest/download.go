package cpantest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// maxDownload bounds a file. The largest has 2.6 MB.
const maxDownload = 32 << 20

// A DownloadError says where a file was looked for.
type DownloadError struct {
	// File is its path in Debian's pool.
	File string
	// Attempts are "ADDRESS: what it answered", in order.
	Attempts []string
}

func (e *DownloadError) Error() string {
	if len(e.Attempts) == 0 {
		return fmt.Sprintf("nobody to ask for %s", e.File)
	}
	return fmt.Sprintf("nobody has %s\n  %s", e.File, strings.Join(e.Attempts, "\n  "))
}

// Hint says what to do.
func (e *DownloadError) Hint() string {
	return "the mirrors of the tests are made of Debian's source archives: the machine's apt sources must name a Debian mirror, " +
		"or CPAN must be reachable"
}

// download brings the file of a row from the first place that has its bytes.
func (m *Maker) download(ctx context.Context, r row) ([]byte, error) {
	var places []string
	for _, base := range m.Debian {
		places = append(places, join(base, r.Pool))
	}
	if r.Mirror == CPAN && m.Upstream != "" {
		places = append(places, join(m.Upstream, archivesPath+"/"+r.Path))
	}
	failed := &DownloadError{File: r.Pool}
	for _, place := range places {
		data, err := m.get(ctx, place)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if got := digest.Sum(data); err == nil && got != r.PoolSHA256 {
			err = fmt.Errorf("wrong bytes: the SHA-256 is %s (%d bytes), the table says %s", got, len(data), r.PoolSHA256)
		}
		if err == nil {
			return data, nil
		}
		failed.Attempts = append(failed.Attempts, fmt.Sprintf("%s: %v", place, err))
	}
	return nil, failed
}

func join(base, path string) string { return strings.TrimSuffix(base, "/") + "/" + path }

// get tries twice, because a mirror behind a cache now and then fails once.
func (m *Maker) get(ctx context.Context, address string) (data []byte, err error) {
	for range 2 {
		var again bool
		if data, again, err = m.getOnce(ctx, address); !again {
			break
		}
	}
	return data, err
}

// getOnce reports with again whether a failure may pass.
func (m *Maker) getOnce(ctx context.Context, address string) (data []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, false, err
	}
	res, err := m.Client.Do(req)
	if err != nil {
		return nil, true, withoutURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, res.StatusCode >= http.StatusInternalServerError, fmt.Errorf("%s", res.Status)
	}
	data, err = io.ReadAll(io.LimitReader(res.Body, maxDownload+1))
	if err == nil && len(data) > maxDownload {
		return nil, false, fmt.Errorf("more than %d bytes", maxDownload)
	}
	return data, err != nil, err
}

// withoutURL drops the method and address that the client puts before its
// errors: the attempt names the address already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
