package cancel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestEnds(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	var b bytes.Buffer
	if _, err := io.Copy(Writer(ctx, &b), Reader(ctx, strings.NewReader("text"))); err != nil || b.String() != "text" {
		t.Errorf("%q, %v", b.String(), err)
	}
	if err := Sleep(ctx, time.Nanosecond); err != nil {
		t.Error(err)
	}
	cancel(stop)
	if _, err := io.Copy(io.Discard, Reader(ctx, strings.NewReader("text"))); !errors.Is(err, stop) {
		t.Errorf("read: %v", err)
	}
	if _, err := Writer(ctx, &b).Write([]byte("x")); !errors.Is(err, stop) || b.String() != "text" {
		t.Errorf("write: %v", err)
	}
	if err := Sleep(ctx, time.Hour); !errors.Is(err, stop) {
		t.Errorf("sleep: %v", err)
	}
}
