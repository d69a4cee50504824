package main

import (
	"os"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/envbuild/envbuild/build/sandbox"
)

// TestMain makes three programs of this binary: the tests, the envbuild that
// they run, and the first process of sandboxes.
func TestMain(m *testing.M) {
	sandbox.Main()
	testscript.Main(tests{m}, map[string]func(){
		"envbuild": func() { os.Exit(run(os.Args, os.Stdout, os.Stderr, os.Environ())) },
	})
}

// tests removes what the tests share when they are done.
type tests struct{ *testing.M }

// Run implements testscript.TestingM.
func (t tests) Run() int {
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		panic(err)
	}
	shared.dir = dir
	code := t.M.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	return code
}

// shared is what the tests of this package make once.
var shared struct {
	// dir holds everything that is made. Its path is short, because those of
	// views have to be.
	dir string
	// perl are the paths, in the main cache, of all that belongs to perl.
	perl struct {
		once  sync.Once
		paths []string
		err   error
	}
}
