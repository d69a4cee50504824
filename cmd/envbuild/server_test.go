package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/nspawntest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

// aptServer is a booted machine that gets its packages from an apt repository.
type aptServer struct {
	*nspawntest.Machine
	repository string // its directory, from outside
	web        *http.Client
}

// newAptServer boots a machine with an empty repository as its only source.
func newAptServer(t *testing.T) *aptServer {
	t.Helper()
	skiptest.Without(t, "dpkg-scanpackages")
	root := nspawntest.Unpack(t)
	for _, old := range []string{"etc/apt/sources.list", "etc/apt/sources.list.d"} {
		if err := os.RemoveAll(filepath.Join(root, old)); err != nil {
			t.Fatal(err)
		}
	}
	nspawntest.Write(t, root, "/etc/apt/sources.list", "deb [trusted=yes] file:/srv/repository ./\n", 0o644)
	nspawntest.Write(t, root, "/etc/dpkg/dpkg.cfg.d/fast", "force-unsafe-io\n", 0o644)
	nspawntest.Write(t, root, "/srv/repository/Packages", "", 0o644)
	// dpkg removes /opt with the last package in it.
	nspawntest.Write(t, root, "/opt/other/file", "", 0o644)
	m := nspawntest.Boot(t, root)
	return &aptServer{Machine: m, repository: filepath.Join(root, "srv/repository"), web: m.Client()}
}

// publish puts packages into the repository.
func (s *aptServer) publish(t *testing.T, debs ...madePackage) {
	t.Helper()
	for _, d := range debs {
		if out, err := exec.Command("cp", d.Path, s.repository).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v %s", err, out)
		}
	}
	cmd := exec.Command("sh", "-c", "dpkg-scanpackages --multiversion . >Packages.new && mv Packages.new Packages")
	cmd.Dir = s.repository
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dpkg-scanpackages: %v %s", err, out)
	}
	s.Run(t, "apt-get", "update", "-qq")
}

// upgrade publishes packages and upgrades as administrators do. It returns what
// apt printed.
func (s *aptServer) upgrade(t *testing.T, debs ...madePackage) string {
	t.Helper()
	s.publish(t, debs...)
	return s.Run(t, "apt-get", "upgrade", "-y", "-q")
}

// selfReport is what the application says of itself.
type selfReport struct {
	Perl, Executable, Base string
	Patches                []string
	Versions               map[string]string
	Pid                    int
}

func (s *aptServer) get(t *testing.T, path string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, webURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

func (s *aptServer) health(t *testing.T) selfReport {
	t.Helper()
	status, body := s.get(t, "/health")
	var h selfReport
	if err := json.Unmarshal(body, &h); err != nil || status != http.StatusOK {
		t.Fatalf("/health: %d %s %v", status, body, err)
	}
	return h
}

// expectVersion checks which release answers, from which directory.
func (s *aptServer) expectVersion(t *testing.T, version string) {
	t.Helper()
	h := s.health(t)
	if h.Versions["WebNotes"] != version || !strings.HasPrefix(h.Base, "/opt/web-notes/releases/"+version+"-1") {
		t.Fatalf("WebNotes %s answers from %s, not %s", h.Versions["WebNotes"], h.Base, version)
	}
}

// property is a property of a unit.
func (s *aptServer) property(t *testing.T, unit, name string) string {
	t.Helper()
	return s.Run(t, "systemctl", "show", "--property="+name, "--value", unit)
}

// files lists what is on the machine's disk, outside of what the system itself
// writes while it runs.
func (s *aptServer) files(t *testing.T) []string {
	t.Helper()
	return strings.Split(s.Run(t, "sh", "-c", `find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev \
		-o -path /srv/repository -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log/journal \
		-o -path /var/log/apt -o -path /var/log/dpkg.log -o -path /var/log/alternatives.log -o -path /var/tmp -o -path /var/lib/systemd/timers \) -prune -o -print | sort`), "\n")
}

// expectFiles compares files with those before; but allows what has one of the
// prefixes.
func (s *aptServer) expectFiles(t *testing.T, before []string, allowed ...string) {
	t.Helper()
	now := s.files(t)
	for _, f := range now {
		if !slices.Contains(before, f) && !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(f, p) }) {
			t.Errorf("left: %s", f)
		}
	}
	for _, f := range before {
		if !slices.Contains(now, f) {
			t.Errorf("gone: %s", f)
		}
	}
}

// forServer makes the sample keep three releases. It gets eight processes, because
// slow requests keep some of them busy.
func (c client) forServer(t *testing.T) {
	t.Helper()
	c.editSpec(t, "releases: 0", "releases: 3", "hot: {interval: 5}\n    env: {", "hot: {interval: 5}\n    env: {NOTES_WORKERS: \"8\", ")
}

// edit replaces all of a text in a file of the project.
func (c client) edit(t *testing.T, name, old, text string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), old, text)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// release makes a version of the application, which says so in each module that
// has a version.
func (c client) release(t *testing.T, version string) []madePackage {
	t.Helper()
	for _, name := range []string{"lib/WebNotes.pm", "lib/WebNotes/Report.pm"} {
		path := filepath.Join(c.dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = regexp.MustCompile(`\$VERSION = '[^']*'`).ReplaceAll(text, []byte("$$VERSION = '"+version+"'"))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := 1
	if text, err := os.ReadFile(filepath.Join(c.dir, "envbuild.yaml")); err != nil {
		t.Fatal(err)
	} else if strings.Contains(string(text), "as: package") {
		want = 2
	}
	return debsOf(t, c, want, "--version", version)
}

// journal shows what a unit said, if the test failed.
func (s *aptServer) journal(t *testing.T, unit string) {
	if t.Failed() {
		t.Log(s.Run(t, "journalctl", "--no-pager", "--lines=60", "--output=short-precise", "--unit="+unit))
	}
}
