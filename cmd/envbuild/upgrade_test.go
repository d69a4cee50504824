package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServer follows the sample on a booted machine from its first installation
// to its purge, with what administrators use: apt-get and systemctl.
func TestServer(t *testing.T) {
	t.Parallel()
	c := sample(t)
	patched := startPatchedRuntime(t, c.env)
	c.forServer(t)
	c.must(t, "lock")
	first := c.release(t, "1.0.0")
	s := newAptServer(t)
	before := s.files(t)

	installed := t.Run("install", func(t *testing.T) { testInstall(t, s, first) })
	if !installed {
		return
	}
	t.Run("reload under load", func(t *testing.T) { testReload(t, s) })
	t.Run("two upgrades under load", func(t *testing.T) { testTwoUpgrades(t, s, c) })
	t.Run("code that doesn't compile", func(t *testing.T) { testBrokenUpgrade(t, s, c) })
	t.Run("back and forward", func(t *testing.T) { testBackAndForward(t, s) })
	t.Run("taken back", func(t *testing.T) { testTakenBack(t, s) })
	t.Run("killed", func(t *testing.T) { testKilledUpgrades(t, s) })
	t.Run("remove and purge", func(t *testing.T) { testPurge(t, s, before) })
	t.Run("policy forbids", func(t *testing.T) { testPolicy(t, s, before) })
	t.Run("a runtime upgraded alone", func(t *testing.T) { testRuntimeUpgrade(t, s, c, patched, before) })
}

func testInstall(t *testing.T, s *aptServer, debs []madePackage) {
	s.publish(t, debs...)
	s.Run(t, "apt-get", "install", "-y", "-q", "web-notes")
	s.Wait(t, "systemctl", "is-active", "web-notes-web.service", "web-notes-worker@1.service", "web-notes-worker@2.service")
	for _, unit := range []string{"web-notes-web.service", "web-notes-worker@1.service", "web-notes-worker@2.service"} {
		pid := s.property(t, unit, "MainPID")
		if user := s.Run(t, "stat", "-c", "%U", "/proc/"+pid); user != "web-notes" {
			t.Errorf("%s runs as %s", unit, user)
		}
	}
	s.waitForHTTP(t)
	s.expectVersion(t, "1.0.0")
	if h := s.health(t); !strings.HasPrefix(h.Executable, "/opt/web-notes/bundle/") {
		t.Errorf("%s answers", h.Executable)
	}
	s.countedNote(t)
	if out := s.Run(t, "dpkg", "--verify", "web-notes"); out != "" && !strings.HasSuffix(out, "c /etc/web-notes/env") {
		t.Errorf("dpkg --verify: %s", out)
	}
}

// testTakenBack does what dpkg does after an unpack that failed: what runs isn't
// touched, and what the new version's preinst has stopped runs again.
func testTakenBack(t *testing.T, s *aptServer) {
	units := []string{"web-notes-web.service", "web-notes-worker@1.service", "web-notes-worker@2.service"}
	processes := func() (list []string) {
		for _, unit := range units {
			list = append(list, s.property(t, unit, "MainPID"))
		}
		return list
	}
	generation := s.Run(t, "cat", "/run/web-notes/web/status")
	before := processes()
	s.Run(t, "/var/lib/dpkg/info/web-notes.postinst", "abort-upgrade", "9")
	if now := processes(); !slices.Equal(now, before) || s.Run(t, "cat", "/run/web-notes/web/status") != generation {
		t.Errorf("processes %q, were %q", now, before)
	}
	s.Run(t, "systemctl", "stop", "web-notes-worker.target", "web-notes-worker@2.service")
	s.Run(t, "/var/lib/dpkg/info/web-notes.postinst", "abort-upgrade", "9")
	if now := processes(); now[0] != before[0] || now[2] == "0" || now[2] == before[2] {
		t.Errorf("processes %q, were %q", now, before)
	}
}

// waitForHTTP waits until the service that systemd counts as started listens.
func (s *aptServer) waitForHTTP(t *testing.T) {
	t.Helper()
	s.Wait(t, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5555")
}

// countedNote writes a note and waits until a worker has counted its words.
func (s *aptServer) countedNote(t *testing.T) {
	t.Helper()
	res, err := s.web.Post(webURL+"/notes", "application/json", strings.NewReader(`{"title": "x", "body": "one two three"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("a note is not stored: %s", res.Status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, body := s.get(t, res.Header.Get("Location"))
		if strings.Contains(string(body), `"words":3`) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no worker counts: %s", body)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func testReload(t *testing.T, s *aptServer) {
	master := s.property(t, "web-notes-web.service", "MainPID")
	old := s.generation(t)
	l := s.newLoad(t, 500)
	s.Run(t, "systemctl", "reload", "web-notes-web")
	l.end(t)
	if now := s.property(t, "web-notes-web.service", "MainPID"); now != master {
		t.Errorf("the master %s became %s", master, now)
	}
	if s.generation(t) == old {
		t.Error("no new generation")
	}
}

// generation is the number of the generation that start_server counts as up last.
func (s *aptServer) generation(t *testing.T) string {
	t.Helper()
	return s.Run(t, "sh", "-c", "sort -n /run/web-notes/web/status | tail -n 1 | cut -d: -f1")
}

// testTwoUpgrades upgrades twice while clients ask. The second upgrade brings
// another bundle, too.
func testTwoUpgrades(t *testing.T, s *aptServer, c client) {
	second := c.release(t, "1.1.0")
	c.edit(t, "cpanfile", "requires 'Class::XSAccessor';\n", "")
	c.must(t, "lock")
	third := c.release(t, "1.2.0")

	l := s.newLoad(t, 5000)
	s.upgrade(t, second...)
	s.expectVersion(t, "1.1.0")
	switched := s.switched(t)
	s.upgrade(t, third...)
	s.expectVersion(t, "1.2.0")
	reports := l.end(t)

	// Requests that began before an upgrade and ended after it were answered by the
	// code that they began with.
	across := 0
	for _, r := range reports {
		if r.began.Before(switched) && r.ended.After(switched) && r.Application == "1.0.0" {
			across++
		}
	}
	if across == 0 {
		t.Errorf("no slow request of %d went on across the switch at %v", len(reports), switched)
	}
	if got := s.Run(t, "sh", "-c", "ls /opt/web-notes/bundle | wc -l"); got != "2" {
		t.Errorf("%s bundles", got)
	}
	if got := s.Run(t, "sh", "-c", "ls /opt/web-notes/releases | wc -l"); got != "3" {
		t.Errorf("%s releases", got)
	}
	s.countedNote(t)
}

// switched is when the current release became so.
func (s *aptServer) switched(t *testing.T) time.Time {
	t.Helper()
	fi, err := os.Lstat(filepath.Join(s.Root, "opt/web-notes/current"))
	if err != nil {
		t.Fatal(err)
	}
	return fi.ModTime()
}

// testBrokenUpgrade brings code that can't be compiled.
func testBrokenUpgrade(t *testing.T, s *aptServer, c client) {
	// A new generation that takes longer than its interval to fail counts as up. So
	// the module is the first that is loaded, and fails at once.
	const start, module = "use lib \"$FindBin::Bin/../lib\";\n", "lib/WebNotes/Broken.pm"
	if err := os.WriteFile(filepath.Join(c.dir, module), []byte("package WebNotes::Broken;\nsub broken { this is not perl\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.edit(t, "script/web", start, start+"use WebNotes::Broken;\n")
	defer s.journal(t, "web-notes-web")
	broken := c.release(t, "1.3.0")
	c.edit(t, "script/web", "use WebNotes::Broken;\n", "")
	l := s.newLoad(t, 500)
	out := s.upgrade(t, broken...)
	l.end(t)
	for _, want := range []string{"the new generation of web is NOT up", "the previous one goes on serving", "syntax error at /opt/web-notes/releases/1.3.0-1"} {
		if !strings.Contains(out, want) {
			t.Errorf("apt doesn't say %q:\n%s", want, out)
		}
	}
	s.expectVersion(t, "1.2.0")
}

// testBackAndForward leaves the broken release, and comes to older and newer ones.
func testBackAndForward(t *testing.T, s *aptServer) {
	l := s.newLoad(t, 500)
	s.Run(t, "web-notes-release", "back")
	s.expectVersion(t, "1.2.0")
	s.Run(t, "web-notes-release", "back")
	s.expectVersion(t, "1.1.0")
	s.Run(t, "web-notes-release", "forward")
	s.expectVersion(t, "1.2.0")
	l.end(t)
	// apt, too, leads to an older version.
	s.Run(t, "apt-get", "install", "-y", "-q", "--allow-downgrades", "web-notes=1.1.0-1~"+s.codename(t)+"1")
	s.expectVersion(t, "1.1.0")
	list := s.Run(t, "web-notes-release", "list")
	if last := list[strings.LastIndex(list, "\n")+1:]; !strings.HasPrefix(last, "1.1.0-1") || !strings.HasSuffix(last, "  current") {
		t.Errorf("list\n%s", list)
	}
}

func (s *aptServer) codename(t *testing.T) string {
	t.Helper()
	return s.Run(t, "sh", "-c", `. /etc/os-release; echo "$VERSION_CODENAME"`)
}

// testKilledUpgrades ends dpkg and the postinst with SIGKILL at points that chance
// decides. Somebody always serves, and dpkg finishes the work.
func testKilledUpgrades(t *testing.T, s *aptServer) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	l := s.newLoad(t, 500)
	killed := 0
	for i := range 4 {
		version := []string{"1.2.0", "1.1.0"}[i%2]
		s.Run(t, "sh", "-c", "dpkg --force-downgrade --unpack /srv/repository/web-notes_"+version+"-1*.deb")
		// Half of them while files are placed, the others while services are reloaded.
		after := time.Duration(chance.Int64N(int64([]time.Duration{300 * time.Millisecond, 4 * time.Second}[i/2])))
		out, err := s.Try(t, "bash", "-c", fmt.Sprintf(`setsid dpkg --configure web-notes & group=$!
			sleep %.3f; kill -s KILL -- -$group; wait $group`, after.Seconds()))
		if err != nil {
			killed++
		}
		s.health(t)
		if out, err := s.Try(t, "dpkg", "--configure", "-a"); err != nil {
			t.Fatalf("killed after %v: %v %s", after, err, out)
		}
		t.Logf("killed after %v: %v %s", after, err, out)
		s.expectVersion(t, version)
		if left := s.Run(t, "sh", "-c", "cd /opt/web-notes; ls -Ad .[!.]* */.[!.]* 2>/dev/null || :"); left != "" {
			t.Errorf("killed after %v: left %s", after, left)
		}
	}
	l.end(t)
	if killed == 0 {
		t.Error("nothing was killed in time")
	}
}

// testPurge removes and purges: what policy says stays, and nothing else.
func testPurge(t *testing.T, s *aptServer, before []string) {
	s.Run(t, "apt-get", "remove", "-y", "-q", "web-notes")
	if out, err := s.Try(t, "systemctl", "is-active", "web-notes-web.service", "web-notes-worker@1.service"); err == nil {
		t.Errorf("services run after the removal: %s", out)
	}
	s.expectFiles(t, before, "/etc/", "/var/lib/web-notes", "/var/log/web-notes", "/var/lib/systemd/deb-systemd-helper")
	if got := s.Run(t, "sh", "-c", "cat /etc/web-notes/env | wc -c"); got == "0" {
		t.Error("the conffile is gone")
	}
	s.Run(t, "apt-get", "purge", "-y", "-q", "web-notes")
	// Users stay, since files may belong to them; what the application stored is its
	// owner's to delete.
	s.expectFiles(t, before, "/var/lib/web-notes", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock")
	if units, err := s.Try(t, "systemctl", "list-unit-files", "--no-legend", "web-notes*"); err == nil {
		t.Errorf("units %s", units)
	}
}

// testPolicy installs, upgrades and purges where policy-rc.d lets nothing start.
func testPolicy(t *testing.T, s *aptServer, before []string) {
	s.Write(t, "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	for _, version := range []string{"1.1.0", "1.2.0"} {
		s.Run(t, "apt-get", "install", "-y", "-q", "web-notes="+version+"-1~"+s.codename(t)+"1")
		if out, err := s.Try(t, "systemctl", "is-active", "web-notes-web.service", "web-notes-worker@1.service"); err == nil || strings.HasPrefix(out, "active") {
			t.Errorf("services were started: %s", out)
		}
		if got := s.Run(t, "/opt/web-notes/current/env.sh", "perl", "-MWebNotes", "-e", "print WebNotes->VERSION"); got != version {
			t.Errorf("the current release is %s", got)
		}
	}
	s.Run(t, "apt-get", "purge", "-y", "-q", "web-notes")
	s.expectFiles(t, before, "/usr/sbin/policy-rc.d", "/var/lib/web-notes", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock")
	s.Run(t, "rm", "/usr/sbin/policy-rc.d")
}
