package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/build/unpack"
	"github.com/envbuild/envbuild/internal/digest"
)

// NoSandboxError says that a step runs nothing that could be looked at.
type NoSandboxError struct{ Step *plan.Step }

func (e *NoSandboxError) Error() string {
	return fmt.Sprintf("%s is an archive that is only unpacked: it has neither a sandbox nor a log", e.Step.Name)
}

// unpack extracts the step's archive and stores what is in it.
func (j *stepJob) unpack(ctx context.Context, start time.Time) (_ StepOutput, err error) {
	if len(j.step.Sources) != 1 {
		return StepOutput{}, fmt.Errorf("%s has %d archives; one can be unpacked", j.step.ID, len(j.step.Sources))
	}
	if err := checkSource(j.paths[0], j.step.Sources[0]); err != nil {
		return StepOutput{}, err
	}
	dir, remove, err := j.builder.opts.Store.TempDir("unpack")
	if err != nil {
		return StepOutput{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	o := j.step.Unpack
	err = unpack.Unpack(ctx, j.paths[0], dir, unpack.Options{
		Format: unpack.Format(o.Format), Strip: o.Strip, Executables: o.Executables,
	})
	if err != nil {
		return StepOutput{}, &StepError{Step: j.step, Err: err}
	}
	// No sandbox is stronger than one in which nothing runs.
	return j.keep(ctx, dir, start, &store.Action{Tier: int(sandbox.Namespaces), TierName: string(plan.Unpack)})
}

// checkSource hashes an archive of the store again.
func checkSource(path string, src plan.Source) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, _, err := digest.SumReader(f)
	if err != nil {
		return err
	}
	if sum != src.SHA256 {
		return &CorruptSourceError{Name: src.Name, Path: path, Want: src.SHA256, Got: sum}
	}
	return nil
}
