package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

// publisherEnv makes a publisher of this binary: a JSON document of type publisher.
const publisherEnv = "ENVBUILD_TEST_PUBLISHER"

func TestMain(m *testing.M) {
	if text := os.Getenv(publisherEnv); text != "" {
		var p publisher
		err := json.Unmarshal([]byte(text), &p)
		if err == nil {
			err = p.run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// publisher is a process that publishes one version after the other.
type publisher struct {
	Root, Key, Scratch string
	Name               string
	From               int
	Start              time.Time
}

// fastClock runs twenty times as fast as time goes, from hours ago on, so that
// generations, which have dates a second apart at least, can follow each other.
func fastClock(start time.Time) func() time.Time {
	begin := start.Add(-12 * time.Hour)
	return func() time.Time { return begin.Add(20 * time.Since(start)) }
}

func (p publisher) run() error {
	data, err := os.ReadFile(p.Key)
	if err != nil {
		return err
	}
	now := fastClock(p.Start)
	key, err := sign.NewKeyFile(p.Key, data, nil, now)
	if err != nil {
		return err
	}
	opts := repo.Options{Signers: []repo.Signer{key}, Now: now}
	opts.XZ, _ = exec.LookPath("xz")
	for version := p.From; ; version++ {
		path, err := repotest.Deb{Name: p.Name, Version: strconv.Itoa(version)}.Make(p.Scratch)
		if err != nil {
			return err
		}
		r, err := repo.Open(context.Background(), repo.NewDirectory(p.Root, now), opts)
		if err != nil {
			return err
		}
		fmt.Println("try", version)
		if _, err := r.Add(context.Background(), repo.Place{}, []string{path}); err != nil {
			return err
		}
		fmt.Println("done", version)
		if err := os.Remove(path); err != nil {
			return err
		}
	}
}

// soak is a repository that is written and read by many.
type soak struct {
	client
	t       *testing.T
	root    string
	key     string
	start   time.Time
	over    atomic.Bool
	mu      sync.Mutex
	done    map[string]int // the last version that each publisher was told is published
	kills   atomic.Int64
	updates atomic.Int64
	apts    atomic.Int64 // updates by apt
	gone    atomic.Int64 // generations that gc removed
	seen    sync.Map     // generations' digests that clients saw
}

// TestSoak lets four publishers, which are killed at random, and gc write while
// ten clients read, some of them apt. No client may ever see an error, and no
// package may get lost.
func TestSoak(t *testing.T) {
	const wanted = 1000
	root := repotest.NewRoot(t, "bookworm")
	s := &soak{client: client{dist: "soak"}, t: t, root: root.Path("srv/repo"), start: time.Now(), done: map[string]int{}}
	s.init()
	var writers, readers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() { s.publish("publisher" + strconv.Itoa(i)) })
	}
	r := s.open()
	writers.Go(func() { s.collect(r) })
	for i := range 8 {
		readers.Go(func() { s.read(i, wanted) })
	}
	for i, url := range []string{s.url, "file:/srv/repo"} {
		readers.Go(func() { s.apt(root, i, url, wanted) })
	}
	readers.Wait()
	s.over.Store(true)
	writers.Wait()
	s.finish()
}

func (s *soak) init() {
	s.key = filepath.Join(s.t.TempDir(), "key.asc")
	secret := repotest.Key(s.t, "soak", repotest.EdDSA(), 0)
	if err := os.WriteFile(s.key, secret, 0o600); err != nil {
		s.t.Fatal(err)
	}
	opts := s.options()
	public, err := opts.Signers[0].PublicKey(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if s.keys, err = sign.Keyring(public); err != nil {
		s.t.Fatal(err)
	}
	r, err := repo.Init(s.t.Context(), repo.NewDirectory(s.root, opts.Now), setup("soak"), opts)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := r.WriteClientFiles(s.t.Context(), "http://localhost"); err != nil {
		s.t.Fatal(err)
	}
	s.url, _ = serve(s.t, s.root)
}

func (s *soak) options() repo.Options {
	now := fastClock(s.start)
	secret, err := os.ReadFile(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := sign.NewKeyFile(s.key, secret, nil, now)
	if err != nil {
		s.t.Fatal(err)
	}
	return repo.Options{Signers: []repo.Signer{key}, XZ: xzPath(s.t), Now: now}
}

func (s *soak) open() *repo.Repository {
	opts := s.options()
	r, err := repo.Open(context.Background(), repo.NewDirectory(s.root, opts.Now), opts)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// publish runs a publisher, kills it now and then, and starts it again.
func (s *soak) publish(name string) {
	scratch := s.t.TempDir()
	for next := 1; !s.over.Load(); {
		p := publisher{Root: s.root, Key: s.key, Scratch: scratch, Name: name, From: next, Start: s.start}
		text, err := json.Marshal(p)
		if err != nil {
			s.t.Error(err)
			return
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), publisherEnv+"="+string(text))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			s.t.Error(err)
			return
		}
		// It is killed after some lines, in the middle of what comes then.
		lines, scan := 1+rand.IntN(12), bufio.NewScanner(out)
		for scan.Scan() {
			verb, number, _ := strings.Cut(scan.Text(), " ")
			version, err := strconv.Atoi(number)
			if err != nil {
				s.t.Errorf("%s says %q", name, scan.Text())
			}
			if verb == "done" {
				s.mu.Lock()
				s.done[name] = version
				s.mu.Unlock()
				next = version + 1
			}
			lines--
			if verb == "try" && (lines < 0 || s.over.Load()) {
				time.Sleep(rand.N(40 * time.Millisecond)) // anywhere in a publication
				break
			}
		}
		killed := cmd.Process.Kill() == nil
		_ = cmd.Wait()
		if stderr.Len() > 0 {
			s.t.Errorf("%s failed: %s", name, stderr.String())
			return
		}
		if killed {
			s.kills.Add(1)
		}
	}
}

// collect runs gc again and again.
func (s *soak) collect(r *repo.Repository) {
	runs, files := 0, 0
	for !s.over.Load() {
		// The grace is thirty seconds for clients, who live in another time.
		c, err := r.GC(context.Background(), repo.Policy{Generations: 3, Grace: 600 * time.Second})
		if err != nil {
			s.t.Error("gc:", err)
			return
		}
		runs, files = runs+1, files+c.Files
		s.gone.Add(int64(c.Generations))
		time.Sleep(200 * time.Millisecond) // publishers shall have the lock most of the time
	}
	s.t.Logf("gc removed %d generations and %d files in %d runs", s.gone.Load(), files, runs)
}

// read updates as apt does, until all clients together did so often enough.
func (s *soak) read(client, wanted int) {
	for s.more(wanted) {
		sum, err := s.update(client%2 == 0)
		if err != nil {
			s.t.Errorf("client %d: %v", client, err)
			return
		}
		s.seen.Store(sum, true)
	}
}

// more reports whether there were too few updates or publications.
func (s *soak) more(wanted int) bool {
	if s.t.Failed() {
		return false
	}
	return s.updates.Add(1) <= int64(wanted) || s.published() < 60 || s.apts.Load() < 30 || s.gone.Load() < 10
}

// published is the number of packages that publishers were told are published.
func (s *soak) published() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.done {
		n += last
	}
	return n
}

// apt updates with real apt, which has its own state for each client.
func (s *soak) apt(root repotest.Root, client int, url string, wanted int) {
	dir := fmt.Sprintf("srv/client%d/", client)
	root.Write(s.t, dir+"lists/partial/x", "")
	root.Write(s.t, dir+"cache/archives/partial/x", "")
	root.Write(s.t, dir+"sources.list", fmt.Sprintf("deb [signed-by=/srv/repo/test-archive-keyring.gpg arch=amd64] %s soak main\n", url))
	for s.more(wanted) {
		out, err := root.Run("apt-get", "-o", "Dir::State::lists=/"+dir+"lists", "-o", "Dir::Cache=/"+dir+"cache",
			"-o", "Dir::Etc::sourcelist=/"+dir+"sources.list", "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User=root",
			"update", "--error-on=any")
		if err != nil || strings.Contains(out, "W:") || strings.Contains(out, "E:") {
			s.t.Errorf("apt %d: %v\n%s", client, err, out)
			return
		}
		s.apts.Add(1)
	}
}

// finish checks that all is there that publishers were told is.
func (s *soak) finish() {
	r := s.open()
	add(s.t, r, repotest.Deb{Name: "last", Version: "1"}) // mends what a killed publisher left
	list, err := r.List(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, p := range list {
		listed[p.Package+" "+p.Version] = true
	}
	for name, last := range s.done {
		for version := range last {
			if !listed[fmt.Sprint(name, " ", version+1)] {
				s.t.Errorf("%s %d got lost", name, version+1)
			}
		}
	}
	v := verify(s.t, r)
	seen := 0
	s.seen.Range(func(any, any) bool { seen++; return true })
	s.t.Logf("%d publications, %d publishers killed, %d updates (%d by apt) that saw %d generations; %d generations are left, %d packages",
		s.published(), s.kills.Load(), s.updates.Load(), s.apts.Load(), seen, v.Generations, v.Packages)
	if s.kills.Load() < 4 || seen < 4 {
		s.t.Errorf("the test tested little")
	}
}
