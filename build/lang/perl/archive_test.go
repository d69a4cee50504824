package perl

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

func sampleFiles() map[string]string {
	return map[string]string{
		"META.json": "not json", "META.yml": "name: X\nconfigure_requires:\n  Conf: 1\nrequires:\n  ExtUtils::MakeMaker: 6.99\n  Run: 2\n  'bad name': 1\n",
		"Build.PL": "", "X.xs": "12345", "src/a.c": "1234567", "src/b.hpp": "no", "ppport.h": "1", "t/lib/T.pm": "package T;",
		"lib/X.pm":              "package X;\nour $VERSION = '1.05';\n\n=head1 package Pod;\n\n=cut\n\n# package Comment;\npackage X::Inner 2.5 {\n}\n__END__\npackage After;\n",
		"inc/Module/Install.pm": "package Module::Install;",
	}
}

// pack makes an archive of each kind.
func pack(t testing.TB) map[string][]byte {
	plain := tarBytes(t, "X-1.05", sampleFiles())
	out := map[string][]byte{"x.tar": plain, "x.tar.gz": tarGzip(t, "X-1.05", sampleFiles())}
	var x bytes.Buffer
	xw, err := xz.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := xw.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := xw.Close(); err != nil {
		t.Fatal(err)
	}
	out["x.tar.xz"] = x.Bytes()
	var z bytes.Buffer
	zw := zip.NewWriter(&z)
	for name, body := range sampleFiles() {
		f, err := zw.Create("X-1.05/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	out["x.zip"] = z.Bytes()
	if bz, err := exec.LookPath("bzip2"); err == nil {
		cmd := exec.Command(bz, "-c")
		cmd.Stdin = bytes.NewReader(plain)
		if out["x.tar.bz2"], err = cmd.Output(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestArchiveFacts(t *testing.T) {
	for name, data := range pack(t) {
		// The name of the file says nothing about its kind.
		file := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := deriveFacts(name, file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.CBytes != 13 || !f.BuildPL || !f.ModuleInstall || !f.Meta.Known {
			t.Errorf("%s: %+v", name, f)
		}
		if got := fmt.Sprint(f.provides()); got != "[{X 1.05} {X::Inner 2.5}]" {
			t.Errorf("%s: provides %s", name, got)
		}
		if got := fmt.Sprint(f.requirements(true), f.requirements(false)); got != "[Conf 1 Run 2] [Conf 1]" {
			t.Errorf("%s: requires %s", name, got)
		}
		if got := f.Newest.Year(); name != "x.zip" && got != 2021 {
			t.Errorf("%s: newest of %d", name, got)
		}
	}
}

func TestArchiveErrors(t *testing.T) {
	whole := tarGzip(t, "X-1", map[string]string{"META.json": strings.Repeat("random 1234 ", 999)})
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 0xff
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":     {nil, "A.tar.gz: neither tar (plain, gzip, bzip2, xz) nor zip"},
		"html":      {[]byte("<html>" + strings.Repeat(" ", 2000)), "A.tar.gz: neither tar (plain, gzip, bzip2, xz) nor zip"},
		"cut":       {whole[:len(whole)/2], "A.tar.gz: damaged: unexpected EOF"},
		"flipped":   {flipped, "A.tar.gz: damaged: gzip: invalid checksum"},
		"traversal": {tarMember(t, "X-1/../../evil", 1), `A.tar.gz: member "X-1/../../evil": its name leads out of the archive's directory`},
		"absolute":  {tarMember(t, "/etc/passwd", 1), `A.tar.gz: member "/etc/passwd": its name leads out of the archive's directory`},
		"giant":     {tarMember(t, "X-1/META.json", maxMemberBytes+1), `A.tar.gz: member "X-1/META.json": too large`},
		"bomb":      {tarMember(t, "X-1/zeros", maxArchiveBytes+1), `A.tar.gz: member "X-1/zeros": too large`},
		"zip":       {[]byte("PK\x03\x04xx"), "A.tar.gz: damaged: zip: not a valid zip file"},
	} {
		file := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(file, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := deriveFacts("A.tar.gz", file)
		var ae *ArchiveError
		if err == nil || err.Error() != test.want || !errors.As(err, &ae) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

// tarMember is the header of one file, whose body is cut off.
func tarMember(t testing.TB, name string, size int64) []byte {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFactsAreKept(t *testing.T) {
	w := newWorld(t)
	a := w.keep("X-1.tar.gz", tarGzip(t, "X-1", sampleFiles()))
	first, err := readFacts(w, "X-1.tar.gz", a)
	if err != nil || len(w.facts) != 1 {
		t.Fatalf("%v, %d kept", err, len(w.facts))
	}
	if err := os.Remove(a.File); err != nil {
		t.Fatal(err)
	}
	again, err := readFacts(w, "X-1.tar.gz", a)
	if got, want := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", first); err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
	for key := range w.facts {
		w.facts[key] = []byte("{damaged")
	}
	if _, err := readFacts(w, "X-1.tar.gz", a); err == nil {
		t.Error("a damaged entry was used")
	}
}

func TestRuntimeFacts(t *testing.T) {
	w := newWorld(t)
	pin := pkgspec.RuntimePin{Version: "5.36.0", Sources: []pkgspec.SourcePin{{Path: "perl-5.36.0.tar.xz"}}}
	facts, err := readRuntimeFacts(w, pin, w.keep("p", runtimeArchive(t)))
	if err != nil {
		t.Fatal(err)
	}
	core := facts.modules()
	if v := core["Test::More"]; v.String() != "1.302190" || len(core) != 7 || facts.Newest.Year() != 2021 {
		t.Errorf("%v %v", core, facts.Newest)
	}
	pin.Version = "5.38.0"
	_, err = readRuntimeFacts(lang.Sources(w), pin, w.keep("q", runtimeArchive(t)))
	if err != nil {
		t.Errorf("the kept facts of the same bytes were not used: %v", err)
	}
	clear(w.facts)
	_, err = readRuntimeFacts(w, pin, w.keep("q", runtimeArchive(t)))
	checkError(t, err, "perl-5.36.0.tar.xz: Module::CoreList doesn't know perl 5.38.0", "")
	_, err = readRuntimeFacts(w, pin, lang.Archive{SHA256: digest.Sum(nil), File: w.keep("r", tarGzip(t, "perl", sampleFiles())).File})
	checkError(t, err, "perl-5.36.0.tar.xz: no lib/Module/CoreList.pm inside", "")
}

// FuzzArchive reads damaged archives: what can't be read is an *ArchiveError, and
// what is read of the rest makes sense.
func FuzzArchive(f *testing.F) {
	for _, data := range pack(f) {
		f.Add(data)
	}
	f.Add(tarMember(f, "../x", 1))
	f.Add(tarMember(f, "X-1/lib/X.pm", maxMemberBytes+1))
	file := filepath.Join(f.TempDir(), "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		facts, err := deriveFacts("x", file)
		if err != nil {
			if broken := (*ArchiveError)(nil); !errors.As(err, &broken) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		if facts.Newest.Before(earliestDate()) || facts.Newest.After(latestDate()) || facts.CBytes < 0 {
			t.Errorf("%+v", facts)
		}
		for _, m := range facts.provides() {
			if !isModuleName(m.Name) || m.Version == "" {
				t.Errorf("it provides %+v", m)
			}
		}
		for _, r := range facts.requirements(true) {
			if !isModuleName(r.module) {
				t.Errorf("it requires %+v", r)
			}
		}
	})
}

func FuzzScanPackages(f *testing.F) {
	f.Add([]byte(sampleFiles()["lib/X.pm"]))
	f.Add([]byte("package A::B v1.2.3 {\n$VERSION='x'"))
	f.Fuzz(func(t *testing.T, source []byte) {
		for _, m := range scanPackages(source) {
			if !isModuleName(m.Name) || m.Version == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
