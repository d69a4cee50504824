package lang

// HotDeployer is a language with a program that keeps the socket of a service open
// while its generations change.
type HotDeployer interface {
	HotDeployer() HotMaster
}

// HotMaster is that program, in the words of deploy/service.Master, which says what
// it has to do.
type HotMaster struct {
	Command, Advice, SearchPath  string
	Path, Port, Interval         string
	SignalOnReload, SignalOnStop string
	Status, PID                  string
	ReloadSignal                 string
}
