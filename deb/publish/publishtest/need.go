package publishtest

import (
	"os"
	"os/exec"
	"testing"
)

// NeedProgram skips the test where the program is missing, unless skips are
// forbidden. Debian's package has it.
func NeedProgram(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("ENVBUILD_TEST_NO_SKIP") != "" {
		t.Fatalf("%s is missing: apt-get install %s", program, debian)
	}
	t.Skipf("%s is missing: apt-get install %s", program, debian)
}
