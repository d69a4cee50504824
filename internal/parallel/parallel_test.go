package parallel

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestEach(t *testing.T) {
	for _, limit := range []int{0, 1, 3, 100} {
		var sum, now, most atomic.Int64
		err := Each(t.Context(), limit, 10, func(_ context.Context, i int) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			sum.Add(int64(i))
			now.Add(-1)
			return nil
		})
		if err != nil || sum.Load() != 45 || most.Load() > int64(max(limit, 1)) {
			t.Errorf("limit %d: %v, sum %d, %d at once", limit, err, sum.Load(), most.Load())
		}
	}
}

func TestEachStops(t *testing.T) {
	bad := errors.New("bad")
	var calls atomic.Int64
	err := Each(t.Context(), 2, 1000, func(ctx context.Context, i int) error {
		calls.Add(1)
		if i == 0 {
			return bad
		}
		<-ctx.Done() // nobody waits for the others' work
		return context.Cause(ctx)
	})
	if !errors.Is(err, bad) || errors.Is(err, context.Canceled) || calls.Load() > 3 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := Each(ctx, 2, 3, func(context.Context, int) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
