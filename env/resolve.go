package env

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Assignment is a variable with its final value.
type Assignment struct {
	Name, Value string
	// Unset says that the variable is to be removed.
	Unset bool
}

// Resolve returns the environment of a process that a caller with the
// environment caller starts: entries NAME=value, sorted, each name once. Of
// duplicates in caller the first counts, as for getenv; entries without a name
// are dropped.
func (e *Environment) Resolve(caller []string, over Overlay) ([]string, error) {
	state, err := e.apply(caller, over)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(state))
	for _, name := range slices.Sorted(maps.Keys(state)) {
		list = append(list, name+"="+state[name])
	}
	return list, nil
}

// Assignments returns what takes the environment caller to that of Resolve:
// every variable that e assigns, in the order of e, then those of over alone,
// sorted. A variable to be removed is in it only if caller has it.
func (e *Environment) Assignments(caller []string, over Overlay) ([]Assignment, error) {
	state, err := e.apply(caller, over)
	if err != nil {
		return nil, err
	}
	called := split(caller)
	var list []Assignment
	seen := map[string]bool{}
	add := func(name string) {
		value, set := state[name]
		_, had := called[name]
		if !seen[name] && (set || had) {
			list = append(list, Assignment{name, value, !set})
		}
		seen[name] = true
	}
	for _, v := range e.vars {
		add(v.Name)
	}
	for _, name := range over.names() {
		add(name)
	}
	return list, nil
}

// apply is the package comment's table.
func (e *Environment) apply(caller []string, over Overlay) (map[string]string, error) {
	if err := over.check(e); err != nil {
		return nil, err
	}
	state := split(caller)
	for _, name := range over.names() {
		a, command, _ := over.lookup(name)
		_, called := state[name]
		if command || e.assigns(name) || !called {
			state[name] = a.Value
		}
	}
	for _, v := range e.vars {
		if _, _, ok := over.lookup(v.Name); ok && (v.Kind == Set || v.Kind == Unset) {
			continue
		}
		if err := v.apply(state); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// apply changes state as the assignment in env.rc does.
func (v Var) apply(state map[string]string) error {
	lookup := func(name string) string { return state[name] }
	switch v.Kind {
	case Set:
		state[v.Name] = v.Values[0].Expand(lookup)
	case Unset:
		delete(state, v.Name)
	default:
		list := state[v.Name]
		if v.Kind == Path {
			list = ""
		}
		for _, value := range slices.Backward(v.Values) {
			entry := value.Expand(lookup)
			if strings.Contains(entry, ":") {
				return &ValueError{Name: v.Name, Reason: fmt.Sprintf("the entry %q of a search path holds a colon", entry)}
			}
			list = prepend(entry, list)
		}
		state[v.Name] = list
	}
	return checkValue(v.Name, state[v.Name])
}

// prepend removes every occurrence of entry from list and puts it first. It is
// the function envbuild_prepend of env.rc, step for step.
func prepend(entry, list string) string {
	if entry == "" {
		return list
	}
	list = ":" + list + ":"
	for {
		before, after, found := strings.Cut(list, ":"+entry+":")
		if !found {
			break
		}
		list = before + ":" + after
	}
	list = strings.TrimSuffix(strings.TrimPrefix(list, ":"), ":")
	if list == "" {
		return entry
	}
	return entry + ":" + list
}

func split(environ []string) map[string]string {
	state := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if _, dup := state[name]; ok && name != "" && !dup {
			state[name] = value
		}
	}
	return state
}
