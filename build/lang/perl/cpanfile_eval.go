package perl

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// cpanfileScript runs a cpanfile with the target perl and prints it as JSON.
//
//go:embed cpanfile.pl
var cpanfileScript string

// cpanfileAnswer is what the script prints.
type cpanfileAnswer struct {
	Error        string                 `json:"error"`
	Requirements []evaluatedRequirement `json:"requirements"`
	Mirrors      []string               `json:"mirrors"`
	Features     []string               `json:"features"`
}

type evaluatedRequirement struct {
	Relation relation          `json:"relation"`
	Phase    string            `json:"phase"`
	Feature  string            `json:"feature"`
	Module   string            `json:"module"`
	Version  string            `json:"version"`
	Line     int               `json:"line"`
	Options  map[string]string `json:"options"`
}

// readCpanfile reads the file, by running it if it is a program.
func (p *Perl) readCpanfile(ctx context.Context, req *lang.LockRequest, lock *pkgspec.Lock, file string) (*cpanfile, error) {
	data, err := req.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out, err := parseCpanfile(file, data)
	var program *programError
	if !errors.As(err, &program) {
		return out, err
	}
	if req.Evaluate == nil {
		return nil, program.syntaxError()
	}
	step, err := p.runtimeAlone(req.Spec, lock)
	if err != nil {
		return nil, err
	}
	answer, err := req.Evaluate(ctx, step, cpanfileScript, data)
	if err != nil {
		return nil, fmt.Errorf("run %s, which is a program because of %s (line %d): %w",
			file, program.construct, program.place.line, err)
	}
	return decodeCpanfile(file, answer)
}

// runtimeAlone is the step that builds the pinned runtime alone.
func (p *Perl) runtimeAlone(spec *pkgspec.Spec, lock *pkgspec.Lock) (plan.Step, error) {
	alone := *spec
	alone.Dependencies = nil
	steps, err := p.Steps(lang.StepsRequest{Spec: &alone, Lock: lock})
	if err != nil {
		return plan.Step{}, err
	}
	if len(steps) == 0 || steps[0].Kind != plan.Runtime {
		return plan.Step{}, errors.New("the runtime has no step")
	}
	return steps[0], nil
}

// decodeCpanfile checks what the script printed.
func decodeCpanfile(file string, answer []byte) (*cpanfile, error) {
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.DisallowUnknownFields()
	var a cpanfileAnswer
	if err := dec.Decode(&a); err != nil {
		return nil, fmt.Errorf("%s: can't read what it printed when it was run: %w", file, err)
	}
	if a.Error != "" {
		return nil, evaluationError(file, a.Error)
	}
	out := &cpanfile{mirrors: a.Mirrors, features: a.Features}
	for _, e := range a.Requirements {
		if err := e.addTo(out, place{file: file, line: e.Line}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *evaluatedRequirement) addTo(out *cpanfile, at place) error {
	if !isPhase(e.Phase) {
		return at.errorf("expected configure, build, runtime, test or develop", "unknown phase %q", e.Phase)
	}
	r := cpanRequirement{phase: e.Phase, relation: e.Relation, feature: e.Feature, place: at}
	r.module = e.Module
	names := make([]string, 0, len(e.Options))
	for name := range e.Options {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := r.option(name, e.Options[name], at); err != nil {
			return err
		}
	}
	return out.add(r, e.Version)
}

// evaluationError turns perl's "… at cpanfile line 3." into a place.
func evaluationError(file, message string) error {
	message = strings.TrimSpace(message)
	before, after, found := strings.Cut(message, " at cpanfile line ")
	line := 0
	if found {
		_, _ = fmt.Sscanf(after, "%d", &line)
	}
	if line == 0 {
		return fmt.Errorf("%s: perl says: %s", file, message)
	}
	return place{file: file, line: line}.errorf("", "perl says: %s", before)
}
