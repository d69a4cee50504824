// Package environ reads environments that were handed over, as os.Environ writes
// them: nothing else asks the process for its own.
package environ

import "strings"

// Environ is an environment: NAME=VALUE each. Of several with one name the first
// counts, as in getenv(3).
type Environ []string

// Lookup is os.LookupEnv.
func (e Environ) Lookup(name string) (string, bool) {
	for _, kv := range e {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Get is os.Getenv: a variable that isn't set is empty.
func (e Environ) Get(name string) string {
	value, _ := e.Lookup(name)
	return value
}
