// Command bench compares `envbuild repo` with other programs that keep apt
// repositories: all packages of a pool at once, and one more. Every program gets
// the same packages and the same key, and ends with a signed repository.
//
// Ratios hold, and seconds only for the machine at that moment: one publication
// of each program follows the other, and the medians are compared. Publications of
// one repository are more than a second apart, as dates in it have to be.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	sizes := flag.String("sizes", "2000,20000", "numbers of packages")
	rounds := flag.Int("rounds", 9, "how often one more package is added")
	flag.Parse()
	if err := run(flag.Arg(0), *sizes, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(program, sizes string, rounds int) (err error) {
	if program == "" {
		return errors.New("usage: bench [-sizes N,N] [-rounds N] ENVBUILD")
	}
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	key, err := newKey(filepath.Join(work, "gnupg"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.stop()) }()
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := benchSize(filepath.Join(work, text), program, key, n, rounds); err != nil {
			return err
		}
	}
	return nil
}

// contestant is a program that keeps a repository.
type contestant interface {
	name() string
	// prepare makes an empty repository.
	prepare() error
	// add publishes packages.
	add(paths []string) error
}

func benchSize(dir, program string, key *key, n, rounds int) error {
	pool, more := filepath.Join(dir, "pool"), filepath.Join(dir, "more")
	if err := errors.Join(makePool(pool, 0, n), makePool(more, n, rounds)); err != nil {
		return err
	}
	all := []contestant{
		&envbuild{base{dir: filepath.Join(dir, "envbuild"), key: key}, program, "--sign-key=" + key.file, "envbuild"},
		&envbuild{base{dir: filepath.Join(dir, "envbuild-gpg"), key: key}, program, "--sign-gpg=" + key.id, "envbuild, through gpg"},
		&reprepro{base{dir: filepath.Join(dir, "reprepro"), key: key}},
		&aptly{base{dir: filepath.Join(dir, "aptly"), key: key}},
		&ftparchive{base{dir: filepath.Join(dir, "ftparchive"), key: key}},
	}
	first, later := make([]time.Duration, len(all)), make([][]time.Duration, len(all))
	for i, c := range all {
		if err := c.prepare(); err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		took, err := timed(c, paths(pool, 0, n))
		if err != nil {
			return err
		}
		first[i] = took
	}
	for round := range rounds {
		for i, c := range all {
			took, err := timed(c, paths(more, n+round, 1))
			if err != nil {
				return err
			}
			later[i] = append(later[i], took)
		}
		time.Sleep(1100 * time.Millisecond)
	}
	return report(all, n, first, later)
}

func timed(c contestant, paths []string) (time.Duration, error) {
	start := time.Now()
	if err := c.add(paths); err != nil {
		return 0, fmt.Errorf("%s: %w", c.name(), err)
	}
	return time.Since(start), nil
}

func paths(dir string, first, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = filepath.Join(dir, fileName(first+i))
	}
	return out
}

// report prints medians, and their ratios to that of the fastest other program.
func report(all []contestant, n int, first []time.Duration, later [][]time.Duration) error {
	medians := make([]time.Duration, len(all))
	for i, times := range later {
		slices.Sort(times)
		medians[i] = times[len(times)/2]
	}
	fastest := func(times []time.Duration) time.Duration {
		best := times[len(times)-1]
		for i, t := range times {
			if _, own := all[i].(*envbuild); !own {
				best = min(best, t)
			}
		}
		return best
	}
	bestFirst, bestLater := fastest(first), fastest(medians)
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d packages\tall at once\tratio\tone more (median of %d)\tratio\tfrom\tto\t\n", n, len(later[0]))
	for i, c := range all {
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f\t%.3f s\t%.2f\t%.3f s\t%.3f s\t\n", c.name(),
			first[i].Seconds(), ratio(first[i], bestFirst), medians[i].Seconds(), ratio(medians[i], bestLater),
			later[i][0].Seconds(), later[i][len(later[i])-1].Seconds())
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
