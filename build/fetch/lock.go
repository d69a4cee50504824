package fetch

import (
	"bytes"
	"context"
	"errors"
)

// maxRead is how many bytes Read takes: the largest index of a language so far has 3 MB.
const maxRead = 64 << 20

// Read returns a small file, such as an index, fresh from the mirror. It fails
// with a *PlaceError, which is ErrNotFound if the mirror was reached and doesn't
// have the file.
func (f *Fetcher) Read(ctx context.Context, mirror, path string) ([]byte, error) {
	p, err := f.parse(mirror, path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	tries, err := f.fill(ctx, p.String(), p, &sink{w: &b, limit: maxRead})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &PlaceError{Place: p.String(), Err: err, Tries: tries}
	}
	return b.Bytes(), nil
}

// Find brings the archive at path, whose digest is not known yet, from the first
// mirror that has it. A mirror that can't be asked ends the search: the next
// could hold something else under that name. It fails with an *Error, which is
// ErrNotFound if all mirrors were asked.
func (f *Fetcher) Find(ctx context.Context, mirrors []string, path string) (Archive, error) {
	start := f.opts.Now()
	f.opts.Progress(Event{Kind: Started, Name: path})
	archive, err := f.fromMirrors(ctx, mirrors, path)
	f.finish(path, archive, start, err)
	return archive, err
}

func (f *Fetcher) fromMirrors(ctx context.Context, mirrors []string, path string) (Archive, error) {
	failure := &Error{Name: path}
	for _, mirror := range mirrors {
		p, err := f.parse(mirror, path)
		if err != nil {
			failure.Err = err
			return Archive{}, failure
		}
		archive, attempt, err := f.try(ctx, Request{Name: path}, p)
		switch {
		case ctx.Err() != nil:
			return Archive{}, context.Cause(ctx)
		case attempt == nil:
			archive.Mirror = mirror
			return archive, nil
		case err == nil && !errors.Is(attempt, ErrNotFound):
			err = attempt
		}
		failure.Attempts = append(failure.Attempts, attempt)
		if failure.Err = err; err != nil {
			return Archive{}, failure
		}
	}
	return Archive{}, failure
}
