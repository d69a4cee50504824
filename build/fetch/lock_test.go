package fetch_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/fetch"
)

func TestRead(t *testing.T) {
	directory := t.TempDir()
	write(t, filepath.Join(directory, "modules/index"), []byte("index"))
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n == 0:
			w.WriteHeader(502)
		case r.URL.Path != "/cpan/modules/index" || r.URL.RawQuery != "token=1":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, "index")
		}
	})
	b := newBench(t, fetch.Options{Dir: filepath.Dir(directory)})
	for _, base := range []string{s.URL + "/cpan/?token=1", directory, "file://" + directory, filepath.Base(directory)} {
		if got, err := b.Read(t.Context(), base, "modules/index"); err != nil || string(got) != "index" {
			t.Errorf("%s: %q, %v", base, got, err)
		}
		if _, err := b.Read(t.Context(), base, "modules/none"); !errors.Is(err, fetch.ErrNotFound) {
			t.Errorf("%s: %v", base, err)
		}
		if _, err := b.Read(t.Context(), base, "../secret"); err == nil || errors.Is(err, fetch.ErrNotFound) {
			t.Errorf("%s: a path led out of the mirror: %v", base, err)
		}
	}
	for _, base := range []string{status(t, 403).URL, down(t), filepath.Join(directory, "none")} {
		var placeErr *fetch.PlaceError
		_, err := b.Read(t.Context(), base, "modules/index")
		if !errors.As(err, &placeErr) || errors.Is(err, fetch.ErrNotFound) || placeErr.Hint() == "" {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestFind(t *testing.T) {
	empty, has := status(t, 404), good(t)
	b := newBench(t, fetch.Options{})
	a, err := b.Find(t.Context(), []string{empty.URL, t.TempDir(), has.URL + "/"}, path)
	wantArchive(t, a, err)
	if a.Mirror != has.URL+"/" || a.Place != has.URL+"/"+path {
		t.Errorf("found %+v", a)
	}
	_, err = b.Find(t.Context(), []string{empty.URL, has.URL}, "authors/none")
	wantError(t, err, empty.URL, has.URL, "404")
	if !errors.Is(err, fetch.ErrNotFound) {
		t.Error("not ErrNotFound")
	}
	// A private mirror that can't be asked is never passed over.
	for _, private := range []string{down(t), status(t, 500).URL, status(t, 403).URL, "none"} {
		_, err = b.Find(t.Context(), []string{private, has.URL}, path)
		wantError(t, err, private)
		if errors.Is(err, fetch.ErrNotFound) || strings.Contains(err.Error(), has.URL) {
			t.Errorf("%s: %v", private, err)
		}
	}
}

func TestAddressErrors(t *testing.T) {
	for _, base := range []string{"http://", "file://host/path", "http://user:secret@[broken/", "gopher://u:secret@h"} {
		_, err := newBench(t, fetch.Options{}).Read(t.Context(), base, "x")
		if err == nil || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", base, err)
		}
	}
}
