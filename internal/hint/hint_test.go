package hint_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/envbuild/envbuild/internal/hint"
)

type hinted struct {
	hint string
	err  error
}

func (e hinted) Error() string { return "it failed" }
func (e hinted) Hint() string  { return e.hint }
func (e hinted) Unwrap() error { return e.err }

func TestOf(t *testing.T) {
	plain := errors.New("plain")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no error":                         {nil, ""},
		"no advice":                        {plain, ""},
		"advice":                           {hinted{"a", nil}, "a"},
		"the outer one first":              {hinted{"a", hinted{"b", nil}}, "a"},
		"empty advice doesn't count":       {hinted{"", hinted{"b", nil}}, "b"},
		"below a wrapper":                  {fmt.Errorf("x: %w", hinted{"a", nil}), "a"},
		"the first of a list that has any": {errors.Join(plain, hinted{"", nil}, hinted{"a", nil}, hinted{"b", nil}), "a"},
		"below several":                    {fmt.Errorf("%w, %w", plain, fmt.Errorf("x: %w", hinted{"a", nil})), "a"},
	} {
		if got := hint.Of(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
