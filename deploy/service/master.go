package service

// Master is a program that keeps the socket of a hot service open, and starts each
// generation of the service with it. It runs
//
//	COMMAND Path… Interval… SignalOnReload… SignalOnStop… Status… PID… -- GENERATION
//
// as the service's user. When it gets ReloadSignal, it starts a new generation. If
// that lives for the interval, it ends the one before; else it goes on with the one
// before and tries again.
type Master struct {
	// Command is the program's name, which the environment of the service finds.
	Command string
	// Advice says what to do where the environment doesn't have it.
	Advice string
	// SearchPath, if not empty, is the variable of the environment by which the
	// program finds its libraries. Generations don't inherit it.
	SearchPath string
	// Path and Port are what stands before the socket's path or address on the command
	// line, Interval before the seconds, the signals' before what ends an old
	// generation: "--path=".
	Path, Port, Interval         string
	SignalOnReload, SignalOnStop string
	// Status stands before a file in which the program keeps a line NUMBER:PID for each
	// generation that runs, with numbers that grow; PID before one with its own process.
	Status, PID string
	// ReloadSignal is a name without SIG: "HUP".
	ReloadSignal string
}

// RefuseHotError is a hot service of a project none of whose languages has a Master.
type RefuseHotError struct{ Service string }

func (e *RefuseHotError) Error() string {
	return "service " + e.Service + ": hot: no language of the project can keep a socket open"
}

// Hint says what to do instead.
func (e *RefuseHotError) Hint() string { return "delete hot" }
