package environ

import "testing"

func TestEnviron(t *testing.T) {
	e := Environ{"A=1", "AB=2", "A=3", "EMPTY=", "B=x=y"}
	for _, c := range []struct {
		name, value string
		set         bool
	}{{"A", "1", true}, {"AB", "2", true}, {"B", "x=y", true}, {"EMPTY", "", true}, {"C", "", false}} {
		if value, set := e.Lookup(c.name); value != c.value || set != c.set || e.Get(c.name) != value {
			t.Errorf("%s: %q, %t", c.name, value, set)
		}
	}
}
