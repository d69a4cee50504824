package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envbuild/envbuild/internal/nspawntest"
)

// server is a booted machine on which the sample is installed and asked.
type server struct {
	*nspawntest.Machine
	client
	web *http.Client
}

const webURL = "http://127.0.0.1:5555"

// pack makes a package of the sample as it is now and puts it into the machine.
func (s *server) pack(t *testing.T, version string) string {
	t.Helper()
	out := newDir(t)
	path := s.must(t, "deb", "--version", version, "-o", out)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := "/root/" + filepath.Base(path)
	s.Write(t, inside, string(text), 0o644)
	return inside
}

// edit replaces a text in one of the sample's files.
func (s *server) edit(t *testing.T, name, from, to string) {
	t.Helper()
	file := filepath.Join(s.dir, name)
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), from) {
		t.Fatalf("%s has no %q: %v", name, from, err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// apt runs apt-get and returns what it says.
func (s *server) apt(t *testing.T, args ...string) string {
	t.Helper()
	return s.Run(t, append([]string{"apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"}, args...)...)
}

// ask sends a request and returns the answer's body. It must be 200 or 201.
func (s *server) ask(method, path, body string) (string, error) {
	req, err := http.NewRequest(method, webURL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := s.web.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	return string(text), err
}

func (s *server) mustAsk(t *testing.T, method, path, body string) string {
	t.Helper()
	text, err := s.ask(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// load asks all the time until stop is called, which returns how many requests
// there were and what failed.
func (s *server) load() (stop func() (int64, []string)) {
	var done, requests atomic.Int64
	var mu sync.Mutex
	var failures []string
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for done.Load() == 0 {
				_, err := s.ask("GET", "/notes", "")
				requests.Add(1)
				if err != nil {
					mu.Lock()
					failures = append(failures, err.Error())
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, []string) {
		done.Store(1)
		group.Wait()
		return requests.Load(), failures
	}
}

// mainPID is the process that systemd started for a unit, and its user.
func (s *server) mainPID(t *testing.T, unit string) (pid, user string) {
	t.Helper()
	pid = s.Run(t, "systemctl", "show", "--property=MainPID", "--value", unit)
	if pid == "0" {
		return pid, ""
	}
	return pid, s.Run(t, "stat", "--format=%U:%G", "/proc/"+pid)
}

// generation is the newest one's number and process.
func (s *server) generation(t *testing.T) string {
	t.Helper()
	lines := strings.Fields(s.Wait(t, "cat", "/run/web-notes/web/status"))
	newest, number := "", -1
	for _, line := range lines {
		var n int
		if _, err := fmt.Sscanf(line, "%d:", &n); err == nil && n > number {
			newest, number = line, n
		}
	}
	return newest
}

// files lists what is on the machine's disk, but for what belongs to nobody's
// package: logs, caches, dpkg's and apt's own state.
func (s *server) files(t *testing.T) []string {
	t.Helper()
	own := regexp.MustCompile(`^/(usr/sbin/policy-rc\.d|proc|sys|dev|run|tmp|root|var/(tmp|cache|log/(journal|apt|dpkg\.log|btmp|wtmp|lastlog|faillog|alternatives\.log)|lib/(apt|dpkg|systemd/(random-seed|timers|catalog|timesync|linger|coredump))))(/|$)|^/etc/\.(pwd\.lock|updated)$|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/var/\.updated$`)
	var list []string
	for line := range strings.Lines(s.Run(t, "find", "/", "-xdev", "-not", "-type", "d")) {
		if line = strings.TrimSuffix(line, "\n"); !own.MatchString(line) {
			list = append(list, line)
		}
	}
	for line := range strings.Lines(s.Run(t, "find", "/", "-xdev", "-type", "d", "-name", "web-notes*")) {
		list = append(list, strings.TrimSuffix(line, "\n"))
	}
	slices.Sort(list)
	return list
}

// TestBootInPlace takes the sample through its life on a server with systemd, all
// files in place.
func TestBootInPlace(t *testing.T) {
	s := &server{client: sample(t)}
	root := nspawntest.Unpack(t)
	nspawntest.Write(t, root, "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	s.Machine = nspawntest.Boot(t, root)
	s.web = s.Client()
	first := s.pack(t, "1.0.0")
	before := s.files(t)

	t.Run("forbidden", func(t *testing.T) { s.forbidden(t, first, before) })
	s.Run(t, "rm", "/usr/sbin/policy-rc.d")
	t.Run("installed", func(t *testing.T) { s.installed(t, first) })
	t.Run("overridden", func(t *testing.T) { s.overridden(t) })
	t.Run("reloaded", func(t *testing.T) { s.reloaded(t) })
	t.Run("upgraded", func(t *testing.T) { s.upgraded(t) })
	t.Run("broken", func(t *testing.T) { s.broken(t) })
	t.Run("changed", func(t *testing.T) { s.changed(t) })
	t.Run("purged", func(t *testing.T) { s.purged(t, before) })
}

// forbidden installs and purges where the machine's policy forbids all starts.
func (s *server) forbidden(t *testing.T, deb string, before []string) {
	said := s.apt(t, "install", deb)
	for _, unit := range []string{"web-notes-web.service", "web-notes-worker.target", "web-notes-worker@1.service"} {
		if pid, _ := s.Try(t, "systemctl", "is-active", unit); pid != "inactive\n" {
			t.Errorf("%s is %s", unit, pid)
		}
	}
	for _, unit := range []string{"web-notes-web.service", "web-notes-worker.target"} {
		if got, _ := s.Try(t, "systemctl", "is-enabled", unit); got != "enabled\n" {
			t.Errorf("%s is %s", unit, got)
		}
	}
	if !strings.Contains(said, "policy-rc.d") {
		t.Errorf("nobody says why nothing runs: %s", said)
	}
	s.apt(t, "purge", "web-notes")
	if after := s.files(t); !slices.Equal(after, before) {
		t.Errorf("left: %q\nmissing: %q", without(after, before), without(before, after))
	}
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// installed finds the web service and two workers running as their own user.
func (s *server) installed(t *testing.T, deb string) {
	s.apt(t, "install", deb)
	s.Run(t, "test", "-s", "/run/web-notes/web/status") // apt waited for it
	for _, unit := range []string{"web-notes-web.service", "web-notes-worker@1.service", "web-notes-worker@2.service"} {
		if pid, user := s.mainPID(t, unit); user != "web-notes:web-notes" {
			t.Errorf("%s is process %s of %s", unit, pid, user)
		}
	}
	s.mustAsk(t, "POST", "/notes", `{"title": "A", "body": "one two one"}`)
	nspawntest.Until(t, func() error { // one of the workers counts the words
		text, err := s.ask("GET", "/notes/1", "")
		if err == nil && !strings.Contains(text, `"words":2`) {
			err = fmt.Errorf("nobody counted: %s", text)
		}
		return err
	})
	if got := s.Run(t, "stat", "--format=%U:%G %a", "/etc/web-notes/env", "/var/lib/web-notes"); got != "root:web-notes 640\nweb-notes:web-notes 750" {
		t.Errorf("owners and modes: %s", got)
	}
	if out, err := s.Try(t, "setpriv", "--reuid=nobody", "--clear-groups", "/opt/web-notes/env.sh", "true"); err == nil || !strings.Contains(out, "can't read /etc/web-notes/env") {
		t.Errorf("somebody else runs a command without the server's variables: %v %s", err, out)
	}
}

// overridden changes a variable on the server: a new generation and env.sh by
// hand have it, and a mistake in the file is found by the reload.
func (s *server) overridden(t *testing.T) {
	const file = "/etc/web-notes/env"
	text := s.Run(t, "cat", file) + "\nNOTES_WORKERS=2\nSECRET='$(id) \"\\ %h'\n"
	s.Write(t, file, text, 0o640)
	before := s.generation(t)
	s.Run(t, "systemctl", "reload", "web-notes-web")
	after := s.generation(t)
	_, pid, _ := strings.Cut(after, ":")
	nspawntest.Until(t, func() error {
		if children := s.Run(t, "cat", "/proc/"+pid+"/task/"+pid+"/children"); len(strings.Fields(children)) != 2 {
			return fmt.Errorf("generation %s after %s has the processes %s", after, before, children)
		}
		return nil
	})
	if got := s.Run(t, "/opt/web-notes/env.sh", "sh", "-c", `echo "$NOTES_WORKERS $SECRET"`); got != `2 $(id) "\ %h` {
		t.Errorf("by hand: %s", got)
	}
	s.Write(t, file, text+"export A=1\n", 0o640)
	if out, err := s.Try(t, "systemctl", "reload", "web-notes-web"); err == nil {
		t.Errorf("the reload succeeds with a mistake in %s: %s", file, out)
	}
	if got := s.generation(t); got != after {
		t.Errorf("generation %s serves, not %s", got, after)
	}
	s.Write(t, file, text, 0o640)
	s.Run(t, "systemctl", "reload", "web-notes-web")
}

// reloaded reloads under load, also twice at a time.
func (s *server) reloaded(t *testing.T) {
	master, _ := s.mainPID(t, "web-notes-web.service")
	stop := s.load()
	seen := []string{s.generation(t)}
	for range 3 {
		s.Run(t, "sh", "-c", "/opt/web-notes/services.sh reload web & first=$!; systemctl reload web-notes-web && wait $first")
		seen = append(seen, s.generation(t))
	}
	requests, failures := stop()
	if len(failures) > 0 || requests < 50 {
		t.Errorf("%d of %d requests failed: %.3q", len(failures), requests, failures)
	}
	if len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Errorf("generations %q", seen)
	}
	if now, _ := s.mainPID(t, "web-notes-web.service"); now != master {
		t.Errorf("the master is %s, was %s", now, master)
	}
	t.Logf("%d requests during 6 reloads, none failed", requests)
}

// upgraded installs new code: the hot service reloads, the others restart.
func (s *server) upgraded(t *testing.T) {
	s.edit(t, "lib/WebNotes.pm", "$VERSION = '1.0.0'", "$VERSION = '1.0.1'")
	master, _ := s.mainPID(t, "web-notes-web.service")
	worker, _ := s.mainPID(t, "web-notes-worker@2.service")
	said := s.apt(t, "install", s.pack(t, "1.0.1"))
	if health := s.mustAsk(t, "GET", "/health", ""); !strings.Contains(health, `"WebNotes":"1.0.1"`) {
		t.Errorf("health: %s\n%s", health, said)
	}
	if now, _ := s.mainPID(t, "web-notes-web.service"); now != master {
		t.Errorf("the master is %s, was %s", now, master)
	}
	if now, _ := s.mainPID(t, "web-notes-worker@2.service"); now == worker || now == "0" {
		t.Errorf("the worker is %s, was %s", now, worker)
	}
	if env := s.Run(t, "tail", "-n1", "/etc/web-notes/env"); !strings.HasPrefix(env, "SECRET=") {
		t.Errorf("the administrator's file ends with %s", env)
	}
}

// broken installs code that doesn't compile: apt is done with it, the generation
// before serves, and the administrator is told.
func (s *server) broken(t *testing.T) {
	s.edit(t, "app.psgi", "my $config", "my my $config")
	before := s.generation(t)
	said := s.apt(t, "install", s.pack(t, "1.0.2"))
	for _, want := range []string{"the new generation of web is NOT up", "the previous one goes on serving", "app.psgi line", "not all services are up"} {
		if !strings.Contains(said, want) {
			t.Errorf("apt doesn't say %q: %s", want, said)
		}
	}
	if got := s.generation(t); got != before {
		t.Errorf("generation %s serves, not %s", got, before)
	}
	s.mustAsk(t, "GET", "/notes", "")
	if got := s.Run(t, "dpkg-query", "-W", "-f", "${db:Status-Status}", "web-notes"); got != "installed" {
		t.Errorf("the package is %s", got)
	}
	// From the start, start_server runs without anybody to serve.
	s.Run(t, "systemctl", "stop", "web-notes-web")
	if out, err := s.Try(t, "/opt/web-notes/services.sh", "deploy"); err == nil || !strings.Contains(out, "web did not come up within") {
		t.Errorf("a start with nothing that serves: %v %s", err, out)
	}
	s.Run(t, "systemctl", "is-active", "web-notes-web")
	s.edit(t, "app.psgi", "my my $config", "my $config")
}

// changed installs a version with other services: what is gone is stopped.
func (s *server) changed(t *testing.T) {
	s.edit(t, "envbuild.yaml", "instances: 2", "instances: 3")
	s.apt(t, "install", s.pack(t, "1.0.3"))
	s.mustAsk(t, "GET", "/notes", "")
	s.Run(t, "systemctl", "is-active", "web-notes-worker@3.service")
	s.edit(t, "envbuild.yaml", "  worker:", "  counter:\n    run: [script/worker, --once]\n    schedule: daily\n    env: {NOTES_DB: /var/lib/web-notes/notes.db}\n  worker:")
	s.edit(t, "envbuild.yaml", "instances: 3", "instances: 1")
	s.edit(t, "envbuild.yaml", "interval: 5", "interval: 4")
	said := s.apt(t, "install", s.pack(t, "1.0.4"))
	s.mustAsk(t, "GET", "/notes", "")
	s.Run(t, "systemctl", "is-active", "web-notes-worker.service", "web-notes-counter.timer")
	for _, unit := range []string{"web-notes-worker@1.service", "web-notes-worker@3.service", "web-notes-worker.target"} {
		if out, err := s.Try(t, "systemctl", "is-active", unit); err == nil {
			t.Errorf("%s is %s", unit, out)
		}
	}
	if !strings.Contains(said, "start_server was started with other settings") {
		t.Errorf("apt doesn't say that the master has earlier settings: %s", said)
	}
	s.Run(t, "systemctl", "start", "web-notes-counter.service")
}

// purged removes, which leaves configuration, state and logs, and purges, which
// leaves the state.
func (s *server) purged(t *testing.T, before []string) {
	s.apt(t, "remove", "web-notes")
	if left := s.Run(t, "find", "/proc", "-maxdepth", "1", "-name", "[0-9]*", "-user", "web-notes"); left != "" {
		t.Errorf("still running: %s", left)
	}
	s.Run(t, "test", "-e", "/etc/web-notes/env", "-a", "-d", "/var/log/web-notes", "-a", "-e", "/var/lib/web-notes/notes.db", "-a", "!", "-e", "/run/web-notes")
	if got := s.Run(t, "systemctl", "list-units", "--state=active,failed", "--plain", "--no-legend", "web-notes*"); got != "" {
		t.Errorf("units: %s", got)
	}
	s.apt(t, "purge", "web-notes")
	after := slices.DeleteFunc(s.files(t), func(p string) bool { return strings.HasPrefix(p, "/var/lib/web-notes") })
	if !slices.Equal(after, before) {
		t.Errorf("left: %q\nmissing: %q", without(after, before), without(before, after))
	}
	if got := s.Run(t, "systemctl", "is-system-running"); got != "running" {
		t.Errorf("the machine is %s", got)
	}
}
