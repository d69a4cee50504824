// Package servertest runs real servers for tests, on loopback and as processes of
// the test: one that speaks S3, and sshd.
package servertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// S3 is a running store.
type S3 struct {
	// Endpoint is its address, Dir where its buckets are as directories.
	Endpoint, Dir string
	client        *minio.Client
	buckets       atomic.Int32
}

// The key of the store.
const (
	s3Key    = "envbuild"
	s3Secret = "s3same-s3same"
)

// StartS3 starts versitygw, which .ci/versitygw builds if it isn't there.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	program := versitygw(t)
	s := &S3{Dir: t.TempDir()}
	address := freeAddress(t)
	// Metadata in a directory of its own: not every file system has attributes.
	cmd := exec.Command(program, "--port", address, "--access", s3Key, "--secret", s3Secret, "--quiet", "posix", s.Dir)
	start(t, cmd)
	s.Endpoint = "http://" + address
	var err error
	s.client, err = minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(s3Key, s3Secret, "")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Bucket makes an empty bucket and returns its name.
func (s *S3) Bucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	// The library tries again while the server starts.
	if err := s.client.MakeBucket(t.Context(), name, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return name
}

// Env has the variables of the key.
func (s *S3) Env() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": s3Key, "AWS_SECRET_ACCESS_KEY": s3Secret, "AWS_REGION": "us-east-1"}
}

// Client speaks to the store without envbuild's own code.
func (s *S3) Client() *minio.Client { return s.client }

// versitygw finds the program, or skips the test where it can't be built.
func versitygw(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command(filepath.Join(filepath.Dir(here), "..", "..", ".ci", "versitygw"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		skiptest.Because(t, "versitygw can't be built: %v %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Need finds a program, or skips the test: Debian's package has it.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skiptest.Because(t, "%s is missing: apt-get install %s", program, debian)
	}
	return path
}

// freeAddress is an address of loopback at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// start starts a server that ends with the test, and shows what it said if the
// test fails.
func start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(cmd.Process.Kill(), ignore(cmd.Wait()), said.Close())
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		if b, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, b)
		}
	})
}

// ignore drops that a process was killed.
func ignore(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
