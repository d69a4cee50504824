package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/internal/cpantest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestScript runs the scripts in testdata/script. Each has a cache of its own
// that holds perl and nothing else. Beside testscript's commands there are
//
//	exits CODE PROGRAM ARG…  runs a program that must end with that exit code
//	namespaces               skips the script where there are none for sandboxes
//	newcache                 gives the script another such cache
//	mirror DIR DIR        makes a CPAN mirror of the distributions in DIR
//	samplemirror VAR         gives VAR the address of the sample application's mirror
//	serve VAR DIR            serves DIR at an address of this machine, which VAR gets
//	asked VAR [COUNT]        fails unless that server was asked, or just so often
//	down VAR                 ends the server: what connects to it is refused
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			t := e.T().(testing.TB)
			e.Setenv("ENVBUILD_CACHE", newCache(t))
			e.Values[testKey{}] = t
			e.Values[serversKey{}] = map[string]*scriptServer{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"newcache": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("ENVBUILD_CACHE", newCache(ts.Value(testKey{}).(testing.TB)))
			},
			"namespaces": func(ts *testscript.TestScript, _ bool, _ []string) {
				needNamespaces(ts.Value(testKey{}).(testing.TB))
			},
			"exits": scriptExits, "mirror": scriptMirror, "samplemirror": scriptSampleMirror,
			"serve": scriptServe, "asked": scriptAsked, "down": scriptDown,
		},
	})
}

// needNamespaces skips a test of what only the strongest sandbox does.
func needNamespaces(t testing.TB) {
	t.Helper()
	if err := sandbox.Try(t.Context(), sandbox.Namespaces, newDir(t)); err != nil {
		skiptest.Because(t, "%v", err)
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func scriptMirror(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mirror DIR DIR")
	}
	directories, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*-*"))
	ts.Check(err)
	var dists []cpantest.Dist
	for _, directory := range directories {
		d, err := cpantest.ReadDist(directory)
		ts.Check(err)
		dists = append(dists, d)
	}
	ts.Check(cpantest.WriteMirror(ts.MkAbs(args[0]), dists...))
}

func scriptSampleMirror(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: samplemirror VAR")
	}
	dir, err := sampleMirror(ts.Value(testKey{}).(testing.TB).Context())
	ts.Check(err)
	ts.Setenv(args[0], "file://"+filepath.Join(dir, cpantest.All))
}

// scriptServer serves a directory and writes down what it was asked.
type scriptServer struct {
	*httptest.Server
	requests chan struct{}
}

// What a script keeps from one command to the next.
type (
	testKey    struct{}
	serversKey struct{}
)

func scriptServers(ts *testscript.TestScript) map[string]*scriptServer {
	return ts.Value(serversKey{}).(map[string]*scriptServer)
}

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve VAR DIR")
	}
	files := http.FileServer(http.Dir(ts.MkAbs(args[1])))
	s := &scriptServer{requests: make(chan struct{}, 1000)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests <- struct{}{}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	scriptServers(ts)[args[0]] = s
	ts.Setenv(args[0], s.URL)
}

func scriptAsked(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 || neg && len(args) == 2 {
		ts.Fatalf("usage: [!] asked VAR [COUNT]")
	}
	got := len(scriptServers(ts)[args[0]].requests)
	switch {
	case len(args) == 2 && fmt.Sprint(got) != args[1], len(args) == 1 && (got > 0) == neg:
		ts.Fatalf("the server was asked %d times", got)
	}
}

func scriptDown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: down VAR")
	}
	scriptServers(ts)[args[0]].Close()
}
