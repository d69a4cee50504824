package perl

import "github.com/envbuild/envbuild/build/lang"

// HotDeployer implements lang.HotDeployer: start_server of Server::Starter.
func (*Perl) HotDeployer() lang.HotMaster {
	return lang.HotMaster{
		Command: "start_server", Advice: "add Server::Starter to the cpanfile", SearchPath: "PERL5LIB",
		Path: "--path=", Port: "--port=", Interval: "--interval=",
		SignalOnReload: "--signal-on-hup=", SignalOnStop: "--signal-on-term=",
		Status: "--status-file=", PID: "--pid-file=", ReloadSignal: "HUP",
	}
}
