// Package skiptest is how tests skip what a machine can't do. Every skip goes
// through it, so that none can hide where all must run: with ENVBUILD_TEST_NO_SKIP
// set, as .ci/run sets it, a test that would be skipped fails.
package skiptest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// variable forbids skips if it is set to anything.
const variable = "ENVBUILD_TEST_NO_SKIP"

// Because skips the test for a reason that lies in the machine. The reason is
// formatted as by fmt.Sprintf.
func Because(t testing.TB, format string, args ...any) {
	t.Helper()
	because(t, os.Getenv(variable) != "", fmt.Sprintf(format, args...))
}

// Without skips the test if one of the programs isn't in PATH.
func Without(t testing.TB, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			Because(t, "%s is not installed", name)
		}
	}
}

// skipper is what because needs of a test.
type skipper interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

func because(t skipper, forbidden bool, reason string) {
	t.Helper()
	if forbidden {
		t.Fatal("a skip, which " + variable + " forbids: " + reason)
	} else {
		t.Skip(reason)
	}
}
