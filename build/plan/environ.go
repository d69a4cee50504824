package plan

// Environ returns the environment in which the step's recipe runs: nothing of
// the caller's, no zone, locale, host or user, then the step's own variables.
// The engine adds MAKEFLAGS, unless the step sets it.
func Environ(s *Step) []Var {
	env := []Var{
		{"PATH", "/usr/bin:/bin"},
		{"HOME", "/homeless"},
		{"USER", "build"},
		{"LOGNAME", "build"},
		{"SHELL", "/bin/sh"},
		{"TERM", "dumb"},
		{"TZ", "UTC"},
		{"LANG", "C"},
		{"LC_ALL", "C"},
		{"SOURCE_DATE_EPOCH", "1"},
	}
	at := make(map[string]int, len(env)+len(s.Env))
	for i, v := range env {
		at[v.Name] = i
	}
	for _, v := range s.Env {
		if i, ok := at[v.Name]; ok {
			env[i] = v
			continue
		}
		at[v.Name] = len(env)
		env = append(env, v)
	}
	return env
}
