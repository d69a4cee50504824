package servertest

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Aptly is a running aptly, with the empty repository "internal", published
// without a signature for amd64 as debian/bookworm.
type Aptly struct {
	// Dir is its directory, URL the base of its API, without /api.
	Dir, URL string
}

// StartAptly starts aptly's API.
func StartAptly(t testing.TB) *Aptly {
	t.Helper()
	Need(t, "aptly", "aptly")
	a := &Aptly{Dir: t.TempDir()}
	a.configure(t, map[string]any{"gpgDisableSign": true})
	a.Run(t, "repo", "create", "-distribution=bookworm", "-component=main", "internal")
	a.Run(t, "publish", "repo", "-architectures=amd64", "-distribution=bookworm", "internal", "debian")
	a.serve(t)
	return a
}

// Restart starts it once more, with another configuration and at another URL.
func (a *Aptly) Restart(t testing.TB, config map[string]any) {
	t.Helper()
	a.configure(t, config)
	a.serve(t)
}

func (a *Aptly) config() string { return filepath.Join(a.Dir, "aptly.conf") }

func (a *Aptly) configure(t testing.TB, config map[string]any) {
	t.Helper()
	config["rootDir"] = a.Dir
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, a.config(), text)
}

// Run runs a command of aptly's.
func (a *Aptly) Run(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("aptly", append([]string{"-config=" + a.config()}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("aptly %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (a *Aptly) serve(t testing.TB) {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command("aptly", "-config="+a.config(), "api", "serve", "-listen="+address)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err == nil {
			_ = cmd.Wait() // it was killed: that is its error
		}
	})
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("aptly doesn't serve")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // so that it never waits for a reader
	a.URL = "http://" + address
}
