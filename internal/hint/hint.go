// Package hint finds the advice that errors carry: one that knows what would help
// has the method Hint() string.
package hint

// Of returns the first advice that err or an error in it gives, or "". Errors are
// searched as errors.As does, from the outside inwards; one whose advice is empty
// leaves the word to those that it wraps.
func Of(err error) string {
	if err == nil {
		return ""
	}
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		return h.Hint()
	}
	switch w := err.(type) { //nolint:errorlint // it goes down the tree itself, to find the first
	case interface{ Unwrap() error }:
		return Of(w.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range w.Unwrap() {
			if h := Of(inner); h != "" {
				return h
			}
		}
	}
	return ""
}
