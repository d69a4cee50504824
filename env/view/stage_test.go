package view

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func TestStaleStageIsSwept(t *testing.T) {
	req := request(t, nil, files{"f": "x"})
	stale := filepath.Join(filepath.Dir(req.Dest), ".envbuild-tmp-v1-123")
	files{"half/file": "x"}.write(t, stale)
	other := filepath.Join(filepath.Dir(req.Dest), ".envbuild-tmp-v2-123")
	files{"half/file": "x"}.write(t, other)
	live, err := newStage(req.Dest)
	if err != nil {
		t.Fatal(err)
	}
	mustMake(t, req)
	for path, want := range map[string]bool{stale: false, other: true, live.dir: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := live.close(); err != nil {
		t.Error(err)
	}
}

// destVariable tells the test binary to be a Make that waits to be killed.
const destVariable = "ENVBUILD_VIEW_TEST_DEST"

// TestKilled kills a Make that has written everything and published nothing.
func TestKilled(t *testing.T) {
	if dest := os.Getenv(destVariable); dest != "" {
		makeAndWait(t, dest)
		return
	}
	req := request(t, nil, files{"f": "x"})
	if err := os.MkdirAll(filepath.Dir(req.Dest), 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), destVariable+"="+req.Dest)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "written\n" {
		t.Errorf("the child said %q, %v", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child was not killed")
	}
	if _, err := os.Lstat(req.Dest); err == nil {
		t.Error("a half view is there")
	}
	mustMake(t, req)
	entries, err := os.ReadDir(filepath.Dir(req.Dest))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func makeAndWait(t *testing.T, dest string) {
	req := request(t, nil, files{"f": "x"})
	req.Dest = dest
	_, err := Make(&stuck{t.Context(), dest}, req)
	t.Fatal("not killed: ", err)
}

// stuck waits for ever once the view is written, and says so before.
type stuck struct {
	context.Context
	dest string
}

func (s *stuck) Err() error {
	written, err := filepath.Glob(filepath.Join(filepath.Dir(s.dest), "*", "local", "f"))
	if err != nil || len(written) > 0 {
		_, _ = os.Stdout.WriteString("written\n")
		select {}
	}
	return s.Context.Err()
}

// TestFullDisk makes a view on a file system of 256 KiB.
func TestFullDisk(t *testing.T) {
	req := request(t, nil, files{"big": string(make([]byte, 1<<20)), "small": "x"})
	parent := filepath.Dir(req.Dest)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", parent, "tmpfs", 0, "size=256k"); err != nil {
		skiptest.Because(t, "mounting a small file system needs root: %v", err)
	}
	defer func() {
		if err := unix.Unmount(parent, 0); err != nil {
			t.Error(err)
		}
	}()
	_, err := Make(t.Context(), req)
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v", err)
	}
	nothingLeft(t, req)
}

func BenchmarkMake(b *testing.B) {
	libs, err := filepath.Glob("/usr/share/perl/5.*")
	if err != nil || len(libs) == 0 {
		skiptest.Because(b, "there is no perl library to make a view of")
	}
	req := request(b, nil)
	tree := libs[len(libs)-1]
	if tree, err = filepath.EvalSymlinks(tree); err != nil {
		b.Fatal(err)
	}
	req.Parts[1].Layers = []Layer{{Name: "perl", Tree: tree}}
	req.Time = time.Unix(1, 0)
	for b.Loop() {
		res, err := Make(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(res.Bytes)
		if err := os.RemoveAll(req.Dest); err != nil {
			b.Fatal(err)
		}
	}
}
