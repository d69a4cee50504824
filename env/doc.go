// Package env holds a project's environment: ordered variables with typed
// references, applied over a caller's environment, written in the formats that
// other programs read, and given to a command by execve.
//
// # Which value wins
//
// One table holds for exec and for every format. env.rc follows it with nothing
// laid over.
//
//	variable                   value: the first that exists of
//	set by the bundle          the bundle's; to lay something over it is an error
//	removed by the bundle      -e, env file, spec
//	search path                its entries, and behind them: -e, env file, caller
//	set by the spec            -e, env file, spec
//	any other                  -e, caller, env file
//
// The caller doesn't override what the spec sets, because a shell that sourced
// env.rc hands on the spec's values: they can't be told from a wish, and after
// an edit of the spec they would be stale. For the same reason env.rc assigns
// without asking. For a variable that only an env file knows, the process is on
// top, as everywhere where .env files are read. Of several env files the first
// that has a variable wins.
//
// # Idempotence
//
// Applying an environment to its own result changes nothing. This is why a
// variable can only be referred to after its last assignment, and why a search
// path drops each entry before it puts it first.
package env
