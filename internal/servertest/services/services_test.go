package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/lang/perl"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// webScript answers with what the file version held when it started, with its
// user and a variable. It listens on the socket that start_server opened.
const webScript = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
open my $v, '<', "$ENV{PROJECT_BASE}/version" or die; chomp(my $version = <$v>);
die "this version does not start\n" if $version eq 'broken';
my ($fd) = $ENV{SERVER_STARTER_PORT} =~ /=(\d+)$/ or die;
my $socket = IO::Socket::INET->new_from_fd($fd, 'r+') or die;
my $end; $SIG{TERM} = sub { $end = 1 };
until ($end) {
    my $client = $socket->accept or next;
    while (<$client>) { last if /^\r?$/ }
    my $text = join ' ', $version, scalar getpwuid($>), $ENV{MODE} // 'unset', @ARGV;
    print $client "HTTP/1.0 200 OK\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
}
`

const workerScript = `#!/bin/sh
echo "$SERVICE_INSTANCE $$" >"$STATE/worker-$SERVICE_INSTANCE"
trap 'exit 0' TERM
while :; do sleep 1 & wait; done
`

// place is a server's directory in which a service manager of a test runs services.
type place struct {
	dir  string
	name string // the package's, unique because of /run
	port int
	// restart is the service's restart_on_runtime. The runtime is then a package of
	// its own.
	restart bool
	path    string // PATH
	out     *service.Files
}

// newPlace writes the release files of a package with a web service and two
// workers, which run as nobody.
func newPlace(t *testing.T, format pkgspec.ServiceFormat, restart bool) *place {
	t.Helper()
	skiptest.Without(t, "start_server", "perl", "setpriv", "unshare")
	if os.Getuid() != 0 {
		skiptest.Because(t, "only root can become the services' user")
	}
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{dir: dir, restart: restart, name: "envbuild-" + strings.ToLower(filepath.Base(dir)), port: freePort(t)}
	p.path = filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")
	t.Cleanup(func() {
		for _, path := range []string{dir, "/run/" + p.name, "/var/log/" + p.name} {
			if err := os.RemoveAll(path); err != nil {
				t.Error(err)
			}
		}
	})
	text := fmt.Sprintf(`
name: %s
description: a test
runtime: {perl: "5.36.0"}
services:
  web: {run: [./web, "a b;%%(x)s"], listen: 127.0.0.1:%d, hot: {interval: 2, restart_on_runtime: %v}, user: nobody, env: {MODE: x}}
  worker: {run: [./worker], instances: 2, user: nobody, env: {STATE: %s/state}}
services_format: [%s]
`, p.name, p.port, restart, dir, format)
	in := p.input(t, text, format)
	if restart {
		in.RuntimePackage = "envbuild-perl-test"
		p.write(t, "bin/dpkg-query", []byte("#!/bin/sh\ncat "+dir+"/perl-version\n"), 0o755)
		p.write(t, "perl-version", []byte("5.36.0-1"), 0o644)
	}
	if p.out, err = service.New(in); err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(p.out.Release, p.out.System) {
		if strings.HasPrefix(f.Path, dir) {
			p.write(t, f.Path, f.Content, f.Mode)
		}
	}
	p.write(t, "app/web", []byte(webScript), 0o755)
	p.write(t, "app/worker", []byte(workerScript), 0o755)
	p.version(t, "one")
	state := filepath.Join(dir, "state")
	if err := errors.Join(os.Mkdir(state, 0o777), os.Chmod(state, 0o777), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return p
}

// input is what deploy gives for a package without releases and a bundle.
func (p *place) input(t *testing.T, text string, format pkgspec.ServiceFormat) service.Input {
	t.Helper()
	s, err := pkgspec.Parse("envbuild.yaml", []byte(text), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	master := service.Master(perl.New().HotDeployer())
	return service.Input{
		Name: s.Name, Description: s.Description, Services: s.Services, Formats: []pkgspec.ServiceFormat{format},
		Paths:  service.Paths{Prefix: p.dir, Release: p.dir, Current: p.dir, Base: p.dir + "/app"},
		Pinned: []env.Var{env.Literals("PROJECT_BASE", env.Set, p.dir+"/app")},
		Env:    s.Env, Runtime: "0123456789abcdef", Master: &master,
	}
}

// freePort is a port that nobody has now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *place) write(t *testing.T, name string, text []byte, mode os.FileMode) {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, text, mode)); err != nil {
		t.Fatal(err)
	}
}

// version deploys another version of the application.
func (p *place) version(t *testing.T, version string) {
	t.Helper()
	p.write(t, "app/version", []byte(version+"\n"), 0o644)
}

// command runs something on the server, whose machine has no policy-rc.d that
// forbids to start services, as containers have.
func (p *place) command(env []string, argv ...string) *exec.Cmd {
	const script = `[ ! -e /usr/sbin/policy-rc.d ] || mount --bind /bin/true /usr/sbin/policy-rc.d; exec "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, "sh"}, argv...)...)
	cmd.Env = append([]string{"PATH=" + p.path, "HOME=/root"}, env...)
	cmd.Dir = p.dir
	return cmd
}

// start runs the service manager until the test ends, which stops it as its own
// administrator would and shows its output if the test failed.
func (p *place) start(t *testing.T, stop syscall.Signal, argv ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := p.command(nil, argv...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(stop)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", argv[0], out.Bytes())
		}
	})
}

// until waits for what a service does by itself.
func until(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it is still so: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *place) ask() (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	res, err := client.Get("http://127.0.0.1:" + strconv.Itoa(p.port) + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// unset deploys a release in which the web service has no such variable.
func (p *place) unset(t *testing.T, name string) {
	t.Helper()
	rc := filepath.Join(p.dir, "services", "web.rc")
	text, err := os.ReadFile(rc)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^envbuild_is_given ` + name + ` .*$`)
	if !line.Match(text) {
		t.Fatalf("%s doesn't set %s", rc, name)
	}
	p.write(t, rc, line.ReplaceAll(text, nil), 0o644)
}

// answers waits until the web service answers so, with its arguments behind it.
func (p *place) answers(t *testing.T, version string) {
	t.Helper()
	want := version + " a b;%(x)s"
	until(t, func() error {
		text, err := p.ask()
		if err == nil && text != want {
			err = fmt.Errorf("answered %q, not %q", text, want)
		}
		return err
	})
}

// worker waits until a worker other than before runs and returns its process.
func (p *place) worker(t *testing.T, number int, before string) (pid string) {
	t.Helper()
	until(t, func() error {
		text, err := os.ReadFile(fmt.Sprintf("%s/state/worker-%d", p.dir, number))
		pid = strings.TrimSpace(strings.TrimPrefix(string(text), strconv.Itoa(number)+" "))
		if _, live := os.Stat("/proc/" + pid); err == nil && (pid == "" || pid == before || live != nil) {
			err = fmt.Errorf("worker %d is process %q, was %q", number, pid, before)
		}
		return err
	})
	return pid
}

// master is the process of start_server.
func (p *place) master(t *testing.T) string {
	t.Helper()
	pid, err := os.ReadFile("/run/" + p.name + "/web/pid")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(pid))
}

// runtime deploys another runtime: it is told, or start_server is restarted.
func (p *place) runtime(t *testing.T, env []string) {
	t.Helper()
	before := p.master(t)
	if p.restart {
		p.write(t, "perl-version", []byte("5.36.0-2"), 0o644)
	} else {
		file := filepath.Join(p.dir, "services", "web")
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte("runtime 0123456789abcdef")) {
			t.Fatalf("%v in %s", err, text)
		}
		p.write(t, file, bytes.ReplaceAll(text, []byte("runtime 0123456789abcdef"), []byte("runtime fedcba9876543210")), 0o755)
	}
	out, err := p.command(env, filepath.Join(p.dir, "services.sh"), "deploy").CombinedOutput()
	if err != nil {
		t.Errorf("deploy: %v\n%s", err, out)
	}
	if told := bytes.Contains(out, []byte("still runs on the previous runtime")); told == p.restart {
		t.Errorf("restart_on_runtime is %v, deploy says %s", p.restart, out)
	}
	until(t, func() error {
		now, err := os.ReadFile("/run/" + p.name + "/web/pid")
		if changed := strings.TrimSpace(string(now)) != before; err == nil && changed != p.restart {
			err = fmt.Errorf("the master is %s, was %s", now, before)
		}
		return err
	})
	until(t, func() error { _, err := os.Stat("/run/" + p.name + "/web/status"); return err })
}

// untouched does what the postinst does when dpkg takes something back.
func (p *place) untouched(t *testing.T, env []string) {
	t.Helper()
	processes := func() string { return p.master(t) + " " + p.worker(t, 1, "") + " " + p.worker(t, 2, "") }
	before := processes()
	if out, err := p.command(env, filepath.Join(p.dir, "services.sh"), "start").CombinedOutput(); err != nil {
		t.Errorf("start: %v\n%s", err, out)
	}
	if now := processes(); now != before {
		t.Errorf("processes %s, were %s", now, before)
	}
}

// moved deploys a release that is reached by another path. A reload would go on
// with the one before.
func (p *place) moved(t *testing.T, env []string) {
	t.Helper()
	before := p.master(t)
	if err := os.Symlink("services", filepath.Join(p.dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.dir, "services", "web")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, file, bytes.ReplaceAll(text, []byte("services/web.generation"), []byte("elsewhere/web.generation")), 0o755)
	out, err := p.command(env, filepath.Join(p.dir, "services.sh"), "deploy").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("start_server is restarted, because its generations changed: "+p.dir+"/elsewhere/web.generation")) {
		t.Errorf("deploy: %v\n%s", err, out)
	}
	if now := p.master(t); now == before {
		t.Errorf("the master %s goes on", now)
	}
	if out, err = p.command(env, filepath.Join(p.dir, "services.sh"), "deploy").CombinedOutput(); err != nil || bytes.Contains(out, []byte("restarted")) {
		t.Errorf("another deploy: %v\n%s", err, out)
	}
}

// life deploys a version, one that doesn't start, and reloads by hand.
func (p *place) life(t *testing.T, env []string, hup []string) {
	t.Helper()
	p.answers(t, "one nobody x")
	first, second := p.worker(t, 1, ""), p.worker(t, 2, "")
	until(t, func() error { _, err := os.Stat("/run/" + p.name + "/web/status"); return err })
	p.untouched(t, env)
	p.runtime(t, env)
	p.moved(t, env)
	first, second = p.worker(t, 1, first), p.worker(t, 2, second)
	master := p.master(t)
	services := filepath.Join(p.dir, "services.sh")

	p.version(t, "two")
	if out, err := p.command(env, services, "deploy").CombinedOutput(); err != nil {
		t.Errorf("deploy: %v\n%s", err, out)
	}
	p.answers(t, "two nobody x")
	p.worker(t, 1, first)
	p.worker(t, 2, second)

	p.version(t, "broken")
	out, err := p.command(env, services, "deploy").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the new generation of web is NOT up") {
		t.Errorf("deploy of what doesn't start: %v\n%s", err, out)
	}
	if text, err := p.ask(); err != nil || !strings.HasPrefix(text, "two ") {
		t.Errorf("then it answers %q, %v", text, err)
	}

	// The next try of start_server takes what is there then.
	p.version(t, "three")
	if out, err := p.command(env, services, "reload", "web").CombinedOutput(); err != nil {
		t.Errorf("reload: %v\n%s", err, out)
	}
	p.answers(t, "three nobody x")
	// What a release no longer sets isn't inherited from the one before.
	p.unset(t, "MODE")
	p.version(t, "four")
	if out, err := p.command(env, hup...).CombinedOutput(); err != nil {
		t.Errorf("%q: %v\n%s", hup, err, out)
	}
	p.answers(t, "four nobody unset")
	if now := p.master(t); now != master {
		t.Errorf("the master is %s, was %s", now, master)
	}
}

func TestSupervisord(t *testing.T) {
	t.Parallel()
	skiptest.Without(t, "supervisord", "supervisorctl")
	p := newPlace(t, pkgspec.Supervisord, false)
	conf := filepath.Join(p.dir, "supervisord.conf")
	p.write(t, conf, []byte(`[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
pidfile=`+p.dir+`/pid
childlogdir=`+p.dir+`
[unix_http_server]
file=`+p.dir+`/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://`+p.dir+`/socket
[include]
files=`+p.dir+`/conf.d/*.conf
`), 0o644)
	p.write(t, "bin/supervisorctl", []byte("#!/bin/sh\nexec /usr/bin/supervisorctl -c "+conf+" \"$@\"\n"), 0o755)
	p.write(t, "conf.d/services.conf", p.file(t, "/etc/supervisor/conf.d/"+p.name+".conf").Content, 0o644)
	p.start(t, syscall.SIGTERM, "supervisord", "-c", conf)
	services := filepath.Join(p.dir, "services.sh")
	p.life(t, nil, []string{services, "hup", "web"})
	// What a removal has stopped runs after the next installation.
	for _, argv := range [][]string{{"supervisorctl", "stop", p.name + "-web", p.name + "-worker:*"}, {services, "deploy"}} {
		if out, err := p.command(nil, argv...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", argv, err, out)
		}
	}
	p.answers(t, "four nobody unset")
	p.worker(t, 2, "")
}

func TestRunit(t *testing.T) {
	t.Parallel()
	skiptest.Without(t, "runsvdir", "sv", "chpst", "svlogd")
	p := newPlace(t, pkgspec.Runit, true)
	if err := os.Mkdir(filepath.Join(p.dir, "service"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.out.System {
		if rest, ok := strings.CutPrefix(f.Path, "/etc/sv/"); ok {
			p.write(t, "sv/"+rest, f.Content, f.Mode)
			id, _, _ := strings.Cut(rest, "/")
			_ = os.Symlink(filepath.Join(p.dir, "sv", id), filepath.Join(p.dir, "service", id))
		}
	}
	// runsvdir(8): SIGHUP ends the services too.
	p.start(t, syscall.SIGHUP, "runsvdir", "service")
	p.life(t, []string{"SVDIR=" + p.dir + "/service"}, []string{"sv", "hup", p.name + "-web"})
	until(t, func() error {
		text, err := os.ReadFile("/var/log/" + p.name + "/web/current")
		if err == nil && !strings.Contains(string(text), "this version does not start") {
			err = fmt.Errorf("the log is %s", text)
		}
		return err
	})
}

func (p *place) file(t *testing.T, path string) tree.Entry {
	t.Helper()
	for _, f := range p.out.System {
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("there is no %s", path)
	return tree.Entry{}
}
