package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

type lockOptions struct {
	update []string
	check  bool
}

func (p *program) lockCommand() *cli.Command {
	return &cli.Command{
		Name:  "lock",
		Usage: "resolve the constraints and pin every source by SHA-256 in " + pkgspec.LockName,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "update", Usage: "resolve `NAME` anew, to the newest version that is allowed"},
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit 1 if the lock is missing or stale"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.lock(ctx, lockOptions{update: c.StringSlice("update"), check: c.Bool("check")})
		}),
	}
}

// checkError gives a stale lock exit code 1 instead of 3: --check asked.
type checkError struct{ reason string }

func (e *checkError) Error() string { return e.reason }

// Hint says how to get a new lock.
func (e *checkError) Hint() string { return (&lockError{}).Hint() }

func (s *session) lock(ctx context.Context, opts lockOptions) error {
	if opts.check {
		_, err := s.freshLock()
		var stale *lockError
		if errors.As(err, &stale) {
			return &checkError{reason: stale.Error()}
		}
		if err != nil {
			return err
		}
		return s.printPath(s.globals, s.lockPath())
	}
	previous, err := s.readLock()
	var broken *pkgspec.Error
	if errors.As(err, &broken) {
		// A lock that can't be read, such as one with a merge conflict, is replaced.
		s.emit(build.Event{Kind: build.Warning, Message: err.Error() + "; resolving everything anew"})
	} else if err != nil {
		return err
	}
	mirrors, err := s.mirrorOverride()
	if err != nil {
		return err
	}
	res, err := s.language.Lock(ctx, lang.LockRequest{
		Spec: s.spec, Previous: previous, Update: opts.update, Mirrors: mirrors,
		ReadFile: s.readFile, Sources: lockSources{s}, Evaluate: s.evaluate,
	})
	if err != nil {
		if ctx.Err() != nil {
			return &build.InterruptedError{Cause: err}
		}
		return err
	}
	for _, n := range res.Notices {
		s.emit(build.Event{Kind: build.Notice, Message: n})
	}
	if previous == nil || !bytes.Equal(previous.Encode(), res.Lock.Encode()) {
		if err := s.writeLock(res.Lock); err != nil {
			return err
		}
	}
	s.emit(build.Event{Kind: build.Notice, Message: lockSummary(previous, res.Lock)})
	return s.printPath(s.globals, s.lockPath())
}

// mirrorOverride is PERL_CARTON_MIRROR: addresses between commas or spaces that
// replace the spec's mirrors.
func (s *session) mirrorOverride() ([]string, error) {
	const name = "PERL_CARTON_MIRROR"
	mirrors := strings.FieldsFunc(s.getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
	for _, m := range mirrors {
		if u, err := url.Parse(m); err != nil || u.User != nil { // which isn't quoted: errors of url.Parse hold the address
			return nil, &usageError{
				message: "an address in " + name + " holds a user name or a password, or is none",
				hint:    "put them into ~/.netrc: addresses are printed and written into locks",
			}
		}
	}
	return mirrors, nil
}

// lockSummary says in one sentence what a lock changed.
func lockSummary(was, is *pkgspec.Lock) string {
	total := fmt.Sprintf("%s %s and %d distributions", is.Runtime.Language, is.Runtime.Version, len(is.Distributions))
	if len(is.Distributions) == 1 {
		total = strings.TrimSuffix(total, "s")
	}
	if was == nil {
		return "locked " + total
	}
	old := map[string]pkgspec.Pin{}
	for _, p := range was.Distributions {
		old[p.Name] = p
	}
	var changes []string
	if was.Runtime.Version != is.Runtime.Version {
		changes = append(changes, fmt.Sprintf("%s %s → %s", is.Runtime.Language, was.Runtime.Version, is.Runtime.Version))
	}
	for _, p := range is.Distributions {
		o, ok := old[p.Name]
		delete(old, p.Name)
		switch {
		case !ok:
			changes = append(changes, "+"+p.Name+" "+p.Version)
		case o.Version != p.Version:
			changes = append(changes, fmt.Sprintf("%s %s → %s", p.Name, o.Version, p.Version))
		case o.Source.SHA256 != p.Source.SHA256:
			changes = append(changes, p.Name+" "+p.Version+" has other bytes")
		}
	}
	for _, p := range was.Distributions {
		if _, gone := old[p.Name]; gone {
			changes = append(changes, "-"+p.Name+" "+p.Version)
		}
	}
	if len(changes) == 0 {
		return "locked " + total + ", as before"
	}
	return "locked " + total + ": " + strings.Join(changes, ", ")
}

// sourceDate is the time that everything in a package carries: SOURCE_DATE_EPOCH
// (reproducible-builds.org), else the date that the lock records.
func (p *program) sourceDate(lock *pkgspec.Lock) (time.Time, error) {
	epoch, ok := p.lookupEnv("SOURCE_DATE_EPOCH")
	if !ok || epoch == "" {
		return lock.Date, nil
	}
	var seconds int64
	if _, err := fmt.Sscanf(epoch+"\n", "%d\n", &seconds); err != nil || seconds < 0 {
		return time.Time{}, &usageError{
			message: fmt.Sprintf("SOURCE_DATE_EPOCH is %q, not a number of seconds since 1970", epoch),
			hint:    "unset it to use the date that the lock records",
		}
	}
	return time.Unix(seconds, 0).UTC(), nil
}
