package build

import (
	"os"
	"testing"

	"github.com/envbuild/envbuild/build/sandbox"
)

// TestMain lets the test binary be the first process of sandboxes.
func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}
