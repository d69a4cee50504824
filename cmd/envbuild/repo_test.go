package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// TestRepoScript runs the scripts in testdata/repo, which need neither perl nor a
// cache. Beside testscript's commands there are
//
//	exits CODE PROGRAM ARG…      as in TestScript
//	deb NAME VERSION ARCH [TEXT]  makes NAME_VERSION_ARCH.deb, whose file holds TEXT
//	key FILE NAME [LIFETIME]      makes a secret key a day ago
//	damage FILE                   changes a byte in the middle
func TestRepoScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/repo",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[testKey{}] = e.T().(testing.TB)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "deb": scriptDeb, "key": scriptKey, "damage": scriptDamage,
		},
	})
}

func scriptDeb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: deb NAME VERSION ARCH [TEXT]")
	}
	d := repotest.Deb{Name: args[0], Version: args[1], Arch: args[2], Content: strings.Join(args[3:], "")}
	_, err := d.Make(ts.Getenv("WORK"))
	ts.Check(err)
}

func scriptKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: key FILE NAME [LIFETIME]")
	}
	var lasts time.Duration
	if len(args) == 3 {
		var err error
		lasts, err = time.ParseDuration(args[2])
		ts.Check(err)
	}
	data := repotest.Key(ts.Value(testKey{}).(testing.TB), args[1], repotest.EdDSA(), lasts)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	path, err := filepath.EvalSymlinks(ts.MkAbs(args[0]))
	ts.Check(err)
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(os.Remove(path)) // what it is linked to stays
	ts.Check(os.WriteFile(path, data, 0o644))
}
