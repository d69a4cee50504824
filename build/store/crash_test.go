package store_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

// rootVariable makes this test binary a child that works on the store it names.
const rootVariable = "ENVBUILD_TEST_STORE"

// child returns a command that runs one test of this binary on a store.
func child(t *testing.T, test, root string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), rootVariable+"="+root)
	return cmd
}

// TestWriteForEver is the child of TestKill: it fills the store from several
// goroutines, and says so after each thing it put there.
func TestWriteForEver(t *testing.T) {
	root := os.Getenv(rootVariable)
	if root == "" {
		return // only the child has something to do
	}
	s := openAt(t, root, store.Options{})
	for worker := range 4 {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			for {
				writeSomething(t, s, rand.Uint64N(20))
				fmt.Println("put")
			}
		})
	}
}

// writeSomething puts a source, an output, an action, a fact and a part that n decides.
func writeSomething(t *testing.T, s *store.Store, n uint64) {
	content := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, n), 1+int(n)*1000)
	if _, _, err := s.AddSource(digest.Sum(content), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}); err != nil {
		t.Error(err)
	}
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("d%d/f", i)] = fmt.Sprint(n, i)
	}
	out := putOutput(t, s, files)
	key := digest.Key(digest.Sum(content))
	if _, err := s.PutAction(t.Context(), &store.Action{Key: key, Output: out.ID, Step: "step", Version: fmt.Sprint(n)}); err != nil {
		t.Error(err)
	}
	must(t, s.PutFact("fact", digest.SHA256(key), content))
	must(t, s.PutPart(key, content))
	must(t, s.Sync())
	must(t, s.SetLastKeys("/project", "", map[string]digest.Key{fmt.Sprint(n): key}))
}

// TestKill kills a process that fills a store, again and again, and expects a
// sound store each time.
func TestKill(t *testing.T) {
	root := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		cmd := child(t, "TestWriteForEver", root)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		must(t, cmd.Start())
		lines := bufio.NewReader(out)
		for put := rand.IntN(40); put >= 0; {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the child ended by itself: %v", cmd.Wait())
			}
			if strings.Contains(line, "put") {
				put--
			}
		}
		must(t, cmd.Process.Kill())
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait() // it was killed
		wantSound(t, root, round)
	}
}

func wantSound(t *testing.T, root string, round int) {
	t.Helper()
	s, err := store.Open(t.Context(), root, store.Options{Warn: func(err error) { t.Errorf("round %d: %v", round, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, s.Close()) }()
	if left, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("round %d: left in tmp: %v, %v", round, left, err)
	}
	v, err := s.VerifyAll(t.Context())
	if err != nil || len(v.Damaged) > 0 {
		t.Errorf("round %d: %+v, %v", round, v, err)
	}
	for name, key := range s.LastKeys("/project", "") {
		if _, err := s.LookupAction(t.Context(), key); err != nil {
			t.Errorf("round %d: step %s was noted before it was stored: %v", round, name, err)
		}
	}
	unlock, waited, err := s.Lock(t.Context(), "action "+digest.Key{}.String(), nil)
	if err != nil || waited {
		t.Fatalf("round %d: a dead process holds a lock: %v", round, err)
	}
	must(t, unlock())
}

// TestInSmallFileSystem is the child of TestFullDisk, in namespaces of its own.
func TestInSmallFileSystem(t *testing.T) {
	root := os.Getenv(rootVariable)
	if root == "" {
		return // only the child has something to do
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, root, store.Options{})
	before := putOutput(t, s, map[string]string{"a": "before"})
	large := make([]byte, 2<<20)

	_, _, err := s.AddSource(digest.SHA256{}, func(w io.Writer) error {
		_, err := w.Write(large)
		return err
	})
	wantFull(t, "source", err)
	wantFull(t, "fact", s.PutFact("large", digest.Sum(large), large))

	dir, remove, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir+"/a")
	_, err = s.PutOutput(t.Context(), dir)
	wantFull(t, "output", err)
	must(t, remove())

	must(t, s.Verify(t.Context(), before.ID))
	putOutput(t, s, map[string]string{"a": "after"})
	if left, err := filepath.Glob(root + "/tmp/*/*"); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
}

// fill writes to a file until the file system is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	must(t, f.Close())
}

func wantFull(t *testing.T, what string, err error) {
	t.Helper()
	var full *store.FullError
	if !errors.As(err, &full) || full.Hint() == "" || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%s on a full disk: %v", what, err)
	}
}

func TestFullDisk(t *testing.T) {
	cmd := child(t, "TestInSmallFileSystem", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EACCES) {
		skiptest.Because(t, "no user namespace can be had: %v", err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}
