package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/internal/servertest"
)

// publisher is a project that has nothing but targets.
func publisher(t *testing.T, targets string, env map[string]string) client {
	t.Helper()
	dir := newDir(t)
	spec := "name: hello\nversion: 1.0\nruntime: {perl: \"~5.36\"}\npublish:\n" + targets
	if err := os.WriteFile(filepath.Join(dir, "envbuild.yaml"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	c := client{dir: dir, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "ENVBUILD_CACHE=" + filepath.Join(dir, ".cache")}}
	for name, value := range env {
		c.env = append(c.env, name+"="+value)
	}
	return c
}

// publishTwice publishes twice, and checks what is said.
func publishTwice(t *testing.T, c client, location string, p publish.Package, args ...string) {
	t.Helper()
	args = append(append([]string{"publish"}, args...), p.Path)
	if got := c.must(t, args...); got != location {
		t.Errorf("publish printed %q, want %q", got, location)
	}
	again := c.run(args...)
	if again.err() != nil || again.stdout != location+"\n" || !strings.Contains(again.stderr, p.File()+" was there already") {
		t.Errorf("again: %v", again)
	}
	var doc struct {
		Target   string
		Packages []publishedPackage
	}
	if err := c.run(append([]string{"--json"}, args...)...).decode(&doc); err != nil {
		t.Fatal(err)
	}
	want := publishedPackage{
		Name: p.Name, Version: p.Version, Arch: p.Arch, File: p.File(), Size: p.Size, SHA256: p.SHA256.String(), Location: location, Already: true,
	}
	if len(doc.Packages) != 1 || doc.Packages[0] != want || doc.Target == "" {
		t.Errorf("the document is %+v, want %+v", doc, want)
	}
}

func TestPublishToDirectory(t *testing.T) {
	c := publisher(t, "  internal: {dir: out/apt, distribution: stable, sign: {key: keys/apt.asc}, create: {key: true, architectures: [amd64], origin: Web Notes}}\n", nil)
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	location := filepath.Join(c.dir, "out/apt/pool/h/hello/hello_1.0-1_amd64.deb")
	publishTwice(t, c, location, p, "--to", "internal")
	c.must(t, "repo", "verify", "out/apt")
	keepTarget(t, c, "internal")
	for _, name := range []string{"web-notes-archive-keyring.gpg", "web-notes-archive-keyring.deb", "web-notes-stable.sources"} {
		if _, err := os.Stat(filepath.Join(c.dir, "out/apt", name)); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(filepath.Join(c.dir, "keys/apt.asc")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	other := publishtest.Make(t, "hello", "1.0-1", "amd64", "other")
	wantFailure(t, c.run("publish", other.Path), 1, "publish to internal: hello_1.0-1_amd64.deb: is there already, with other bytes", "raise package.revision")

	// A key that is gone is not made again.
	if err := os.Rename(filepath.Join(c.dir, "keys"), filepath.Join(c.dir, "lost")); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, c.run("publish", p.Path), 2, "envbuild.yaml:5:", "keys/apt.asc is missing", "bring it from where")
	wantFailure(t, c.run("publish", filepath.Join(c.dir, "envbuild.yaml")), 1, "not a Debian package")
	wantFailure(t, c.run("publish", "nothing.deb"), 1, "no such file")
}

// wantFailure checks an exit code and what stderr says.
func wantFailure(t *testing.T, o outcome, code int, parts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d: %v", o.code, code, o)
	}
	for _, part := range parts {
		if !strings.Contains(o.stderr, part) {
			t.Errorf("%v\ndoesn't say %q", o, part)
		}
	}
	for _, secret := range []string{"s3same", "BEGIN PGP PRIVATE"} {
		if strings.Contains(o.stderr+o.stdout, secret) {
			t.Errorf("%v\nholds a secret", o)
		}
	}
}

// TestPublishMissing makes the missing repository by the command that the hint
// has.
func TestPublishMissing(t *testing.T) {
	c := publisher(t, "  internal: {dir: apt, distribution: stable, component: extra, sign: {key: key.asc}}\n", nil)
	key := repotest.Key(t, "Test", repotest.EdDSA(), 0)
	if err := os.WriteFile(filepath.Join(c.dir, "key.asc"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	p := publishtest.Make(t, "hello", "1.0-1", "all", "one")
	o := c.run("publish", p.Path)
	wantFailure(t, o, 1, "there is no repository at "+c.dir+"/apt", "let the spec make it: create: {}")
	_, command, ok := strings.Cut(o.stderr, "hint: envbuild ")
	command, _, _ = strings.Cut(command, ", or ")
	if !ok {
		t.Fatal(o)
	}
	c.must(t, strings.Fields(command)...)
	c.must(t, "publish", p.Path)
	// And what the directory remembers of its keys is enough.
	spec := filepath.Join(c.dir, "envbuild.yaml")
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spec, bytes.Replace(text, []byte(", sign: {key: key.asc}"), nil, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	c.must(t, "publish", publishtest.Make(t, "hello", "1.1-1", "all", "two").Path)
}

func TestPublishUsage(t *testing.T) {
	two := "  a: {dir: a, distribution: x, sign: {key: k}}\n  b: {s3: {bucket: abc}, distribution: x, sign: {key: k}}\n"
	for name, c := range map[string]struct {
		targets string
		args    []string
		code    int
		want    []string
	}{
		"several":        {two, []string{"x.deb"}, 2, []string{"several targets: a, b", "--to a"}},
		"unknown":        {two, []string{"--to", "c", "x.deb"}, 2, []string{`no target "c"`, "it has a, b"}},
		"two meanings":   {two, []string{"--to", "a", "--version", "2", "x.deb"}, 2, []string{"--version"}},
		"none":           {"  {}\n", []string{"x.deb"}, 2, []string{"envbuild.yaml:4:1", "no repository to publish to", "publish: {internal:"}},
		"secret in spec": {"  a: {distribution: x, aptly: {repo: a, url: \"https://ops:s3same@x/\"}}\n", []string{"x.deb"}, 2, []string{"envbuild.yaml:5:", "a user name or a password"}},
		"offline":        {two, []string{"--offline", "--to", "b", "/dev/null"}, 1, []string{"not a Debian package"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, publisher(t, c.targets, nil).run(append([]string{"publish"}, c.args...)...), c.code, c.want...)
		})
	}
	p := publishtest.Make(t, "hello", "1.0-1", "all", "one")
	wantFailure(t, publisher(t, two, nil).run("publish", "--offline", "--to", "b", p.Path), 2, "--offline", "another machine")
	wantFailure(t, publisher(t, "  a: {dir: a, distribution: x}\n", nil).run("publish", p.Path), 2, "envbuild.yaml:5:", "has no key to sign with", "sign: {key:")
	wantFailure(t, publisher(t, "  a: {dir: a, distribution: x, sign: {key: nokey}}\n", nil).run("publish", p.Path), 1, "nokey", "no such file")
}

// TestPublishByHTTP has a server that wants a token.
func TestPublishByHTTP(t *testing.T) {
	var mu sync.Mutex
	files := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch b, there := files[r.URL.Path]; {
		case r.Header.Get("Authorization") != "Bearer s3same":
			http.Error(w, "you sent "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		case r.Method == http.MethodPut:
			files[r.URL.Path], _ = io.ReadAll(r.Body)
		case !there:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write(b)
		}
	}))
	defer server.Close()
	target := "  my-server: {distribution: stable, http: {url: \"" + server.URL + "/${distribution}/${file}\", auth: bearer}}\n"
	p := publishtest.Make(t, "hello", "1:1.0-1", "amd64", strings.Repeat("x", 1000))
	publishTwice(t, publisher(t, target, map[string]string{"ENVBUILD_PUBLISH_MY_SERVER_TOKEN": "s3same"}), server.URL+"/stable/hello_1.0-1_amd64.deb", p)
	wantFailure(t, publisher(t, target, nil).run("publish", p.Path), 1, "publish to my-server: there is no token", "set ENVBUILD_PUBLISH_MY_SERVER_TOKEN")
	wantFailure(t, publisher(t, target, map[string]string{"ENVBUILD_PUBLISH_MY_SERVER_TOKEN": "another-s3same"}).run("publish", p.Path),
		1, "my-server: hello_1.0-1_amd64.deb: PUT "+server.URL+"/stable/hello_1.0-1_amd64.deb: answered 401", "ENVBUILD_PUBLISH_MY_SERVER_TOKEN")
}

// TestPublishToBucket makes a repository in a bucket.
func TestPublishToBucket(t *testing.T) {
	server := servertest.StartS3(t)
	bucket := server.Bucket(t)
	target := fmt.Sprintf("  bucket: {s3: {bucket: %s, prefix: deb, endpoint: %q}, distribution: stable, sign: {key: k.asc}, create: {key: true, architectures: [amd64]}}\n", bucket, server.Endpoint)
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	c := publisher(t, target, server.Env())
	publishTwice(t, c, "s3://"+bucket+"/deb/pool/h/hello/hello_1.0-1_amd64.deb", p)
	keepTarget(t, c, "bucket")
	wantFailure(t, publisher(t, target, nil).run("publish", p.Path), 1, "publish to bucket: there is no key for the store", "AWS_ACCESS_KEY_ID")
}

// keepTarget goes through the verbs of repo for a target that has hello 1.0-1.
func keepTarget(t *testing.T, c client, target string) {
	t.Helper()
	verb := func(verb string, args ...string) string {
		t.Helper()
		return c.must(t, append([]string{"repo", verb, "--target", target}, args...)...)
	}
	newer := publishtest.Make(t, "hello", "1.1-1", "amd64", "two")
	added := verb("add", newer.Path)
	if !strings.HasSuffix(added, "/pool/h/hello/hello_1.1-1_amd64.deb") {
		t.Errorf("add printed %q", added)
	}
	expect := func(versions ...string) {
		t.Helper()
		var doc struct {
			Packages []struct{ Path, Package, Version string }
		}
		if err := json.Unmarshal([]byte(verb("ls", "--json")), &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range doc.Packages {
			if p.Package == "hello" {
				got = append(got, p.Version)
			}
		}
		if !slices.Equal(got, versions) {
			t.Errorf("it has hello %v, not %v", got, versions)
		}
	}
	expect("1.0-1", "1.1-1")
	if got := c.must(t, "diff", "--target", target, "1.0-1", "1.1"); !strings.Contains(got, "Version") || !strings.Contains(got, "1.1-1") {
		t.Errorf("diff printed %q", got)
	}
	wantFailure(t, c.run("diff", "1.0-1", "9.9"), 2, target+" has no hello 9.9 for", "repo ls --target "+target)
	verb("rollback")
	expect("1.0-1")
	verb("add", newer.Path)
	if removed := verb("rm", "hello=1.1-1"); removed != added {
		t.Errorf("rm printed %q", removed)
	}
	expect("1.0-1")
	if got := verb("ls", "--generations"); len(strings.Split(got, "\n")) < 5 {
		t.Errorf("generations:\n%s", got)
	}
	verb("gc", "--generations", "1", "--grace", "0s")
	verb("gc", "--generations", "1", "--grace", "0s") // what can't be locked takes two runs
	if got := verb("ls", "--generations"); len(strings.Split(got, "\n")) != 2 {
		t.Errorf("generations after gc:\n%s", got)
	}
	verb("verify")
}

// TestPublishBySSH makes a repository on another host.
func TestPublishBySSH(t *testing.T) {
	server := servertest.StartSSHD(t)
	target := fmt.Sprintf("  host: {ssh: \"ssh://%s@127.0.0.1:%d%s/apt\", distribution: stable, sign: {key: k.asc}, create: {key: true, architectures: [amd64]}}\n", server.User, server.Port, server.Dir)
	c := publisher(t, target, nil)
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	wantFailure(t, c.run("publish", p.Path), 1, "publish to host: connect to "+server.User+"@127.0.0.1", "known_hosts doesn't have its host key")
	c.env = append(c.env, "ENVBUILD_PUBLISH_HOST_KNOWN_HOSTS_FILE="+server.KnownHosts)
	wantFailure(t, c.run("publish", p.Path), 1, "Permission denied", "ENVBUILD_PUBLISH_HOST_KEY_FILE")
	c.env = append(c.env, "ENVBUILD_PUBLISH_HOST_KEY_FILE="+server.Key)
	location := fmt.Sprintf("ssh://%s@127.0.0.1:%d%s/apt/pool/h/hello/hello_1.0-1_amd64.deb", server.User, server.Port, server.Dir)
	publishTwice(t, c, location, p)
	keepTarget(t, c, "host")
	c.must(t, "repo", "verify", filepath.Join(server.Dir, "apt"))
	wantFailure(t, c.run("repo", "ls", "--offline", "--target", "host"), 2, "--offline", "another machine")
	wantFailure(t, c.run("repo", "ls", "--target", "elsewhere"), 2, `no target "elsewhere"`, "it has host")
}

// TestPublishToAptly has a running aptly.
func TestPublishToAptly(t *testing.T) {
	server := servertest.StartAptly(t)
	target := fmt.Sprintf("  aptly: {aptly: {url: %q, repo: internal, prefix: debian, unsigned: true}, distribution: bookworm}\n", server.URL)
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	c := publisher(t, target, nil)
	location := c.must(t, "publish", p.Path)
	if !strings.HasPrefix(location, server.URL+"/api/packages/Pamd64%20hello%201.0-1%20") {
		t.Errorf("publish printed %q", location)
	}
	publishTwice(t, c, location, p)
	wantFailure(t, c.run("repo", "gc", "--target", "aptly"), 2, "the target aptly is managed by its own server; envbuild can only upload to it")
}

// testPublishSample publishes what the sample's deb would make.
func testPublishSample(t *testing.T, c client) {
	made := debOf(t, c)
	location := c.must(t, "publish", "--to", "internal")
	sum, err := exec.Command("sha256sum", location).Output()
	if err != nil || !strings.HasPrefix(string(sum), made.SHA256) || !strings.HasPrefix(location, filepath.Join(c.dir, "out/apt/pool/")) {
		t.Errorf("%s: %s, want %s; %v", location, sum, made.SHA256, err)
	}
	var doc struct{ Packages []publishedPackage }
	if err := json.Unmarshal([]byte(c.must(t, "--json", "publish")), &doc); err != nil || len(doc.Packages) != 1 || !doc.Packages[0].Already {
		t.Errorf("again: %+v, %v", doc, err)
	}
	c.must(t, "repo", "verify", "out/apt")
}
