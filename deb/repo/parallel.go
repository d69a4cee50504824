package repo

import (
	"context"
	"errors"
	"sync"
)

// maxParallel is how many files are read or written at once: enough to keep
// processors, disks and connections busy.
const maxParallel = 8

// parallel calls f for 0 to n-1, some at once. The first error ends the others'
// context; all errors are returned but those that this caused.
func parallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	errs := make([]error, n)
	var all sync.WaitGroup
	for range min(n, maxParallel) {
		all.Go(func() {
			for i := range next {
				err := f(inner, i)
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
