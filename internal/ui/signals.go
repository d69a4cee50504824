package ui

import (
	"os"
	"os/signal"
	"syscall"
)

// goSignals gives the terminal back before the process stops (Ctrl-Z), and shows
// the cursor when it is told to end: whoever listens for those signals does the
// ending, and a second one may kill the process at once.
func (u *UI) goSignals(v *liveView) {
	ending, stopping := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(stopping, syscall.SIGTSTP)
	}
	u.done.Go(func() {
		defer signal.Stop(ending)
		defer signal.Stop(stopping)
		for {
			select {
			case <-u.stop:
				return
			case <-ending:
				u.locked(v.screen.keepCursor)
				signal.Stop(ending)
			case <-stopping:
				u.locked(func() {
					v.screen.clear()
					// It returns when the process is continued. An error
					// leaves it running, which does no harm.
					_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
				})
			}
		}
	})
}
