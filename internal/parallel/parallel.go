// Package parallel works on several things at once.
package parallel

import (
	"context"
	"errors"
	"sync"
)

// Each calls do for 0 to n-1, up to limit at once. The first error ends the
// others' context; all errors are returned but those that this caused. Once ctx has
// ended its cause is returned.
func Each(ctx context.Context, limit, n int, do func(ctx context.Context, i int) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	errs := make([]error, n)
	var all sync.WaitGroup
	for range min(n, max(limit, 1)) {
		all.Go(func() {
			for i := range next {
				err := do(inner, i)
				if err != nil && (inner.Err() == nil || !errors.Is(err, context.Canceled)) {
					errs[i] = err
					cancel()
				}
			}
		})
	}
	for i := 0; i < n && inner.Err() == nil; i++ {
		next <- i
	}
	close(next)
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}
