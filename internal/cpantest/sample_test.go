package cpantest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

const (
	sampleMirror   = "../../testdata/plack-app/mirror"
	sampleSnapshot = "../../testdata/plack-app/cpanfile.snapshot"
)

// mirrors returns the directory of the sample's mirrors, made with the real
// sources unless "make mirror" did that.
func mirrors(t *testing.T) string {
	t.Helper()
	dir := sampleMirror
	if _, err := os.Stat(dir); err != nil {
		dir = t.TempDir()
	}
	m, err := NewMaker(http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Make(t.Context(), dir)
	var none *DownloadError
	if errors.As(err, &none) {
		skiptest.Because(t, "the sample's archives can't be had here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSampleMirror(t *testing.T) {
	dir := mirrors(t)
	rows, err := parseTable(sampleTable)
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]string{}
	for line := range strings.SplitSeq(readIndex(t, filepath.Join(dir, All)), "\n") {
		f := strings.Fields(line)
		index[f[0]] = f[2]
	}
	for _, r := range rows {
		// Where Debian made the archive itself the directory has the package's name.
		if top := topDirectory(t, filepath.Join(dir, All, archivesPath, r.Path)); r.Mirror == CPAN && top != r.release() {
			t.Errorf("%s holds the directory %s: it is not CPAN's", r.Path, top)
		}
	}
	snapshot, err := os.ReadFile(sampleSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	path := ""
	entry := regexp.MustCompile(`(?m)^    pathname: (\S+)$|^      ([\w:]+) \S+$|^    requirements:$`)
	for _, m := range entry.FindAllStringSubmatch(string(snapshot), -1) {
		switch {
		case m[1] != "":
			path = m[1]
		case m[2] == "":
			path = "" // requirements follow
		case path != "" && index[m[2]] != "" && index[m[2]] != path:
			t.Errorf("%s is in %s by the snapshot, in %s by the index", m[2], path, index[m[2]])
		}
	}
}

// topDirectory returns the first part of the first file's path in a .tar.gz.
func topDirectory(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(z).Next()
	if err != nil {
		t.Fatal(err)
	}
	top, _, _ := strings.Cut(strings.TrimPrefix(h.Name, "./"), "/")
	return top
}
