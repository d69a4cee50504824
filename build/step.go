package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/internal/digest"
)

// stepJob is one step with all that it needs to run.
type stepJob struct {
	builder *Builder
	jobs    *Jobserver
	step    *plan.Step
	label   string
	ingredients
	paths   []string // of the sources, in their order
	closure []StepOutput
}

// recipeFile is the recipe's name in the work directory.
const recipeFile = "recipe.sh"

// jobserverFD is the first descriptor of the jobserver inside the sandbox.
const jobserverFD = 3

// run does the step unless another process does the same one; then it waits for
// its result. A token is held on entry and given back.
func (j *stepJob) run(ctx context.Context) (res stepResult) {
	res.step = j.step
	token := true
	defer func() {
		if token {
			res.err = errors.Join(res.err, j.jobs.Release())
		}
	}()
	unlock, waited, err := j.builder.opts.Store.Lock(ctx, j.key.String(), func() {
		// A token that waits is a core that idles.
		token = false
		res.err = j.jobs.Release()
		j.emit(Event{Kind: StepWaiting, Key: j.key})
	})
	if err = errors.Join(res.err, err); err != nil {
		res.err = err
		return res
	}
	defer func() { res.err = errors.Join(res.err, unlock()) }()
	// Another process may have ended between the look-up and the lock, too.
	if waited || !j.builder.forced(j.step) {
		if found, err := j.builtByOther(ctx, &res); found || err != nil {
			res.err = err
			return res
		}
	}
	if !token {
		if res.err = j.jobs.Acquire(ctx, nil); res.err != nil {
			return res
		}
		token = true
	}
	res.output, res.err = j.build(ctx)
	return res
}

// builtByOther takes the result of the process that held the lock, if it has
// left one.
func (j *stepJob) builtByOther(ctx context.Context, res *stepResult) (bool, error) {
	action, err := j.builder.recorded(ctx, j.key)
	if action == nil || err != nil {
		return false, err
	}
	res.shared = true
	res.output = j.builder.found(j.step, action)
	j.emit(Event{Kind: StepDone, Key: j.key, Output: action.Output, Hit: true})
	return true, nil
}

func (j *stepJob) emit(e Event) { j.builder.emit(j.step, e) }

// build runs the recipe and stores what it added.
func (j *stepJob) build(ctx context.Context) (StepOutput, error) {
	o := &j.builder.opts
	start := o.Now()
	j.emit(Event{Kind: StepStarted, Key: j.key, Expected: j.builder.recordedDuration(j.step)})
	attempt := j.attempt
	if j.step.Engine == plan.Unpack {
		attempt = j.unpack
	}
	out, err := attempt(ctx, start)
	took := o.Now().Sub(start)
	if err == nil {
		j.emit(Event{Kind: StepDone, Key: j.key, Output: out.ID, Duration: took})
		return out, nil
	}
	if ctx.Err() != nil {
		return out, err
	}
	j.emit(Event{Kind: StepFailed, Key: j.key, Duration: took, Err: err, Message: err.Error()})
	return out, err
}

func (j *stepJob) attempt(ctx context.Context, start time.Time) (_ StepOutput, err error) {
	st := j.builder.opts.Store
	logFile, err := st.CreateLog(j.key)
	if err != nil {
		return StepOutput{}, err
	}
	defer logFile.Close()
	dir, remove, err := st.TempDir("step-" + j.key.Short())
	if err != nil {
		return StepOutput{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	box, err := j.prepare(dir)
	if err != nil {
		return StepOutput{}, err
	}
	box.Stdout, box.Stderr = logFile, logFile
	runner, err := j.builder.opts.Sandbox(ctx)
	if err != nil {
		return StepOutput{}, err
	}
	res, err := runner.Run(ctx, box)
	if err != nil {
		return StepOutput{}, fmt.Errorf("run the sandbox of %s: %w", j.step.Name, err)
	}
	if res.ExitCode != 0 {
		return StepOutput{}, j.failed(ctx, exitError(res), logFile.Name(), dir)
	}
	own := len(box.Layers) - 1
	if cause := j.foreignChanges(res.Changes[own]); cause != nil {
		return StepOutput{}, j.failed(ctx, cause, logFile.Name(), dir)
	}
	if j.step.Strip.Script != "" {
		if err := j.strip(ctx, runner, box.Layers[own].Upper, dir, logFile); err != nil {
			var exit *ExitError
			if errors.As(err, &exit) { // the log says more
				return StepOutput{}, j.failed(ctx, exit, logFile.Name(), dir)
			}
			return StepOutput{}, fmt.Errorf("strip the files of %s: %w", j.step.Name, err)
		}
	}
	out, cause, err := j.finish(ctx, runner.Tier(), box.Layers[own], start)
	if cause != nil {
		return StepOutput{}, j.failed(ctx, cause, logFile.Name(), dir)
	}
	return out, err
}

func exitError(res sandbox.Result) error {
	e := &ExitError{Code: res.ExitCode}
	if res.Signal != 0 {
		e.Signal = res.Signal.String()
	}
	return e
}

// prepare lays out the work directory and the layers of the step below dir.
func (j *stepJob) prepare(dir string) (sandbox.Command, error) {
	work, upper, scratch := filepath.Join(dir, "work"), filepath.Join(dir, "upper"), filepath.Join(dir, "scratch")
	for _, d := range []string{work, upper, scratch} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return sandbox.Command{}, err
		}
	}
	if err := j.fill(work); err != nil {
		return sandbox.Command{}, fmt.Errorf("prepare %s: %w", j.step.Name, err)
	}
	layers, err := j.layers(upper, filepath.Join(dir, "merged"), sandbox.MaxLowers)
	if err != nil {
		return sandbox.Command{}, err
	}
	return sandbox.Command{
		Argv:       []string{"/bin/sh", "-eu", recipeFile},
		Env:        j.environ(),
		Work:       work,
		WorkPath:   plan.WorkPath,
		Layers:     layers,
		ExtraFiles: j.jobs.Files(),
		Scratch:    scratch,
	}, nil
}

// fill puts the sources, the files and the recipe into the work directory. Sources
// are copied, since the step owns the directory and could write through a link,
// and are hashed again while they are.
func (j *stepJob) fill(work string) error {
	for i, src := range j.step.Sources {
		if err := copySource(j.paths[i], filepath.Join(work, src.File), src); err != nil {
			return err
		}
	}
	files := append([]plan.File{{Name: recipeFile, Mode: 0o644, Content: j.step.Recipe.Script}}, j.step.Files...)
	for _, f := range files {
		path := filepath.Join(work, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Content), f.Mode); err != nil {
			return err
		}
	}
	return nil
}

// CorruptSourceError says that an archive in the store has other bytes than its
// name says.
type CorruptSourceError struct {
	Name, Path string
	Want, Got  digest.SHA256
}

func (e *CorruptSourceError) Error() string {
	return fmt.Sprintf("the archive of %s in the store is corrupt: its SHA-256 is %s, not %s", e.Name, e.Got, e.Want)
}

// Hint says how to get rid of it.
func (e *CorruptSourceError) Hint() string { return "remove " + e.Path + " and build again" }

func copySource(from, to string, src plan.Source) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	sum, _, err := digest.SumReader(io.TeeReader(in, out))
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if sum != src.SHA256 {
		return &CorruptSourceError{Name: src.Name, Path: from, Want: src.SHA256, Got: sum}
	}
	return nil
}

// environ is the plan's environment, with make's part of the pool of cores.
func (j *stepJob) environ() []string {
	out := []string{"MAKEFLAGS=" + Makeflags(jobserverFD)}
	for _, v := range plan.Environ(j.step) {
		if v.Name == "MAKEFLAGS" {
			out = out[1:]
		}
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// failed makes the error of a failed step, and keeps its directory if that was
// asked for.
func (j *stepJob) failed(ctx context.Context, cause error, log, dir string) error {
	e := j.explain(cause, log)
	if !j.builder.opts.KeepFailed || ctx.Err() != nil {
		return e
	}
	var err error
	if e.Kept, err = j.builder.opts.Store.Keep(dir, j.key.Short()); err != nil {
		return errors.Join(e, fmt.Errorf("keep the directory of %s: %w", j.step.Name, err))
	}
	return e
}

// explain makes the error that a person sees of a failed step.
func (j *stepJob) explain(cause error, log string) *StepError {
	e := &StepError{Step: j.step, Label: j.label, Err: cause, Log: log}
	data, err := os.ReadFile(log)
	if err != nil {
		e.Err = errors.Join(cause, err)
		return e
	}
	e.Tail, e.Phase = logTail(data), logPhase(data)
	if x, ok := j.builder.language(j.step).(lang.FailureExplainer); ok {
		e.Explanation = x.ExplainFailure(j.builder.opts.Lock, j.step, data)
	}
	return e
}
