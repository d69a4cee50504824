// Command envbuild turns a project's spec into a pinned deployment environment:
// a language runtime built from verified source, the exact dependencies of its
// lock, the variables, and a Debian package of it all.
package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/ui"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func main() {
	sandbox.Main() // doesn't return in the first process of a sandbox
	os.Exit(run(os.Args, os.Stdout, os.Stderr, os.Environ()))
}

// run is main without its exit: it can be called by tests.
func run(args []string, stdout, stderr *os.File, environ []string) int {
	ctx, stop := signalContext()
	defer stop()
	p, err := newProgram(stdout, stderr, environ)
	if err == nil {
		a := p.app()
		err = a.RunContext(ctx, flagsFirst(a, args))
	}
	if err == nil {
		return 0
	}
	code := exitCode(ctx, err)
	switch {
	case silent(err):
	case p != nil && p.jsonErrors:
		ui.EncodeErrors(stderr, err, p.now())
	default:
		ui.RenderError(stderr, err, ui.Colored(stderr, p.getenv))
		if p.getenv("GITHUB_ACTIONS") == "true" {
			ui.Annotate(stderr, err)
		}
	}
	return code
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal syscall.Signal }

func (e *signalError) Error() string { return "interrupted by " + e.signal.String() }

// signalContext returns a context that SIGINT and SIGTERM end. A second signal
// kills the process as if nobody listened.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		s, ok := <-signals
		if ok {
			cancel(&signalError{signal: s.(syscall.Signal)})
			signal.Stop(signals)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// exitCode maps errors to the exit codes of the command line's contract
// (design.md §5).
func exitCode(ctx context.Context, err error) int {
	var (
		bySignal *signalError
		usage    *usageError
		asked    *project.UsageError
		target   *publish.UsageError
		spec     *pkgspec.Error
		noSpec   *pkgspec.NotFoundError
		lock     *project.LockError
		exec     *execError
		setting  *repo.SettingsError
		packages *deb.SettingError
		status   *statusError
	)
	switch {
	case errors.As(context.Cause(ctx), &bySignal):
		return 128 + int(bySignal.signal)
	case errors.As(err, &status):
		return status.code
	case errors.As(err, &exec):
		return env.ExitCode(exec.err)
	case errors.As(err, &lock):
		return 3
	case errors.As(err, &usage), errors.As(err, &asked), errors.As(err, &target), errors.As(err, &spec), errors.As(err, &noSpec), errors.As(err, &setting), errors.As(err, &packages):
		return 2
	}
	return 1
}

// silent reports whether everything was said already: by the shell of a step,
// or by the summary of an interrupted build.
func silent(err error) bool {
	var status *statusError
	var interrupted *build.InterruptedError
	return errors.As(err, &status) || errors.As(err, &interrupted)
}

// usageError says that the command line is wrong.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

// Hint says how the verb is called.
func (e *usageError) Hint() string { return e.hint }

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
