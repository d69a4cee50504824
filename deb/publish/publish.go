// Package publish brings packages to the apt repositories of a project. Where
// they go is a Target: a repository that envbuild manages itself (package repo, in
// a directory, a bucket or on another host), a server that aptly runs on, or any
// server that takes a package in one request.
package publish

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
)

// Target is where packages go.
type Target interface {
	// Publish puts the packages there, and returns of each that is there when it
	// ends what became of it, in the order of packages. A package that was there
	// with the same bytes is a success; one of the same name, version and
	// architecture with other bytes is an *OtherBytesError, and the one that is
	// there stays. Other errors name the target, the package if only one is
	// concerned, and what was answered. They hold no secret.
	Publish(ctx context.Context, packages []Package) ([]Published, error)
}

// Package is a .deb file.
type Package struct {
	// Path is the file's.
	Path string
	// Name, Version and Arch are those of its control file.
	Name, Version, Arch string
	Size                int64
	SHA256              digest.SHA256
}

// File is the name that a package's file has in repositories: the epoch is not
// part of it.
func (p Package) File() string {
	version := p.Version
	if _, after, epoch := strings.Cut(version, ":"); epoch {
		version = after
	}
	return p.Name + "_" + version + "_" + p.Arch + ".deb"
}

// Published is a package in a repository.
type Published struct {
	Package
	// Location is where it is: a path or an address.
	Location string
	// Already says that it was there with the same bytes.
	Already bool
}

// Event reports what a target does.
type Event struct {
	Kind EventKind
	// Name is the file's name of the package, or empty.
	Name string
	// Bytes are sent of Size.
	Bytes, Size int64
	// Message is for people.
	Message string
}

// EventKind says what an event reports.
type EventKind int

// The kinds of events.
const (
	// Sending: Bytes of Size have been sent of Name.
	Sending EventKind = iota
	// Sent: all of it has, or the try ended.
	Sent
	// Waiting: something has to be waited for. Message.
	Waiting
	// Doubt: it worked, but something is not as it should be. Message.
	Doubt
)

// Report receives events. It may be nil.
type Report func(Event)

// Send calls the function, if there is one.
func (r Report) Send(e Event) {
	if r != nil {
		r(e)
	}
}

// Waits reports a pause before a further try.
func (r Report) Waits(err error, pause time.Duration) {
	r.Send(Event{Kind: Waiting, Message: fmt.Sprintf("%v; trying again in %v", err, pause)})
}

// Sending returns what is told how much of a package has been sent, and what is
// called in the end.
func (r Report) Sending(p Package, size int64) (sent func(n int64), ended func()) {
	const every = 128 << 10
	last := int64(-every)
	sent = func(n int64) {
		if n-last >= every || n == size || n < last { // less than before: a further try
			last = n
			r.Send(Event{Kind: Sending, Name: p.File(), Bytes: n, Size: size})
		}
	}
	return sent, func() { r.Send(Event{Kind: Sent, Name: p.File(), Size: size}) }
}

// Read reads what a package's file says of itself. xz is the path of that program,
// or empty, which takes longer.
func Read(path, xz string) (p Package, err error) {
	f, err := os.Open(path)
	if err != nil {
		return p, err
	}
	defer f.Close()
	p.Path = path
	if p.SHA256, p.Size, err = digest.SumReader(f); err != nil {
		return p, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return p, err
	}
	content, err := reader.Reader{XZ: xz}.Read(f, nil)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	p.Name, p.Version, p.Arch = content.Field("Package"), content.Field("Version"), content.Field("Architecture")
	// They become parts of paths and addresses.
	for _, f := range []struct{ name, value, grammar string }{
		{"Package", p.Name, `[a-z0-9][a-z0-9+.-]+`},
		{"Version", p.Version, `([0-9]+:)?[0-9][A-Za-z0-9.+~:-]*`},
		{"Architecture", p.Arch, `[a-z0-9][a-z0-9-]*`},
	} {
		if !regexp.MustCompile(`\A` + f.grammar + `\z`).MatchString(f.value) {
			return p, fmt.Errorf("%s: %w: its field %s is %q", path, reader.ErrFormat, f.name, f.value)
		}
	}
	return p, nil
}

// Error says what publishing to a target failed at.
type Error struct {
	// Target is its name. Package is a file's name, or empty where none alone is
	// concerned.
	Target, Package string
	Err             error
}

func (e *Error) Error() string {
	if e.Package == "" {
		return fmt.Sprintf("publish to %s: %v", e.Target, e.Err)
	}
	return fmt.Sprintf("publish to %s: %s: %v", e.Target, e.Package, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// OtherBytesError says that a package is there already, with other bytes.
type OtherBytesError struct {
	// Location is where, or empty.
	Location string
	// Ours and Theirs are the digests; Theirs is zero if it isn't known.
	Ours, Theirs digest.SHA256
}

func (e *OtherBytesError) Error() string {
	s := "is there already, with other bytes"
	if !e.Theirs.IsZero() {
		s += fmt.Sprintf(": SHA-256 %s there, %s here", e.Theirs.Short(), e.Ours.Short())
	}
	if e.Location != "" {
		s += " (" + e.Location + ")"
	}
	return s
}

// Hint says what to do.
func (e *OtherBytesError) Hint() string {
	return "machines may have installed it: publish under a new version, or raise package.revision"
}

// UsageError says that what was asked for can't be done, whatever the target is
// like.
type UsageError struct{ Message, Help string }

func (e *UsageError) Error() string { return e.Message }

// Hint says what can be asked for.
func (e *UsageError) Hint() string { return e.Help }
