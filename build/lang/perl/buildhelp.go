package perl

import (
	"fmt"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// buildHelp is what the spec adds to a distribution's build; nil adds nothing.
// What it needs beyond its metadata is in the lock already.
type buildHelp pkgspec.BuildHelp

func (h *buildHelp) addTo(step *plan.Step) {
	if h == nil {
		return
	}
	for _, v := range h.Env {
		step.Env = append(step.Env, plan.Var{Name: v.Name, Value: v.Value})
	}
	step.SysPackages = append(step.SysPackages, h.Apt...)
}

// buildHelps returns the spec's help by distribution. Help for one that the lock
// doesn't have is an error: it would have no effect, silently.
func buildHelps(spec *pkgspec.Spec, lock *pkgspec.Lock) (map[string]*buildHelp, error) {
	helps := map[string]*buildHelp{}
	if spec.CPAN() == nil {
		return helps, nil
	}
	pins := lock.Language(language).Distributions
	names := make([]string, len(pins))
	locked := map[string]bool{}
	for i, pin := range pins {
		names[i] = pin.Name
		locked[pin.Name] = true
	}
	for _, b := range spec.CPAN().Build {
		if !locked[b.Distribution] {
			return nil, spec.ErrorAt(
				fmt.Sprintf("no distribution %q is in envbuild.lock", b.Distribution),
				unknownDistributionHint(b.Distribution, names),
				"dependencies", "cpan", "build", b.Distribution)
		}
		help := buildHelp(b)
		helps[b.Distribution] = &help
	}
	return helps, nil
}

func unknownDistributionHint(name string, known []string) string {
	if near := nearestName(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "remove it, or require one of its modules in the cpanfile and run: envbuild lock"
}

// nearestName returns the name of which the given one is most likely a slip, or
// "" if all are too far from it.
func nearestName(name string, known []string) string {
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
