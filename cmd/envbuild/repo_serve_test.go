package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// TestRepoServe serves a repository as a process, and stops it as people do.
func TestRepoServe(t *testing.T) {
	c := client{dir: t.TempDir(), env: os.Environ()}
	key := filepath.Join(c.dir, "key.asc")
	if err := os.WriteFile(key, repotest.Key(t, "key", repotest.EdDSA(), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "repo", "init", "--distribution", "bookworm", "--sign-key", key, "apt")
	cmd := c.command("repo", "serve", "--listen", "127.0.0.1:0", "apt")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(strings.TrimSpace(url) + "dists/bookworm/InRelease")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "Codename: bookworm") {
		t.Errorf("%s: %s %v", resp.Status, body, err)
	}
	resp.Body.Close()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("stopped by SIGINT it ended with %v", err)
	}
}
