package repotest

import (
	"sync/atomic"
	"time"
)

// Clock returns a clock that goes a second further whenever it is looked at. It
// begins hours ago, so that no date of a test is in the future.
func Clock() func() time.Time {
	start := time.Now().Add(-12 * time.Hour).Truncate(time.Second)
	var looks atomic.Int64
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Second) }
}
