package build

import (
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
)

// EventKind says what an event reports.
type EventKind string

// The kinds of events. The comment names the fields that each one fills besides
// Kind and Time; those of a step have its ID, Target and Engine too.
const (
	// Planned: the work is known. Total, Cached.
	Planned EventKind = "planned"
	// FetchStarted: a source is being brought. Name, Size (0 if not known).
	FetchStarted EventKind = "fetch-started"
	// FetchProgress: Name, Bytes so far, Size.
	FetchProgress EventKind = "fetch-progress"
	// FetchDone: Name, From, Bytes, Duration.
	FetchDone EventKind = "fetch-done"
	// FetchFailed: one place did not deliver; another may. Name, From, Message.
	FetchFailed EventKind = "fetch-failed"
	// StepWaiting: another process builds the same step. Name, Version.
	StepWaiting EventKind = "step-waiting"
	// StepStarted: Name, Version, Key, Expected (0 if not known).
	StepStarted EventKind = "step-started"
	// StepDone: Name, Version, Key, Output, Duration. Hit if nothing ran.
	StepDone EventKind = "step-done"
	// StepFailed: Name, Version, Key, Duration, Err, Message.
	StepFailed EventKind = "step-failed"
	// ViewStarted: a tree is merged and relocated. Path.
	ViewStarted EventKind = "view-started"
	// ViewDone: Path, Bytes, Total (files), Duration. Hit if it was there.
	ViewDone EventKind = "view-done"
	// PackageStarted: a package is written. Name.
	PackageStarted EventKind = "package-started"
	// PackageDone: Name, Path, Bytes, Duration.
	PackageDone EventKind = "package-done"
	// UploadStarted: a package is sent somewhere. Name, Size.
	UploadStarted EventKind = "upload-started"
	// UploadProgress: Name, Bytes so far, Size.
	UploadProgress EventKind = "upload-progress"
	// UploadDone: Name, Bytes, Duration.
	UploadDone EventKind = "upload-done"
	// Notice: something that a person should know. Message.
	Notice EventKind = "notice"
	// Warning: something that a person should act on. Message, Hint.
	Warning EventKind = "warning"
	// Finished: the verb's build is over. Total, Cached, Built, Failed,
	// Duration; Message says how, such as "interrupted".
	Finished EventKind = "finished"
	// Failure: what ends the verb, the last of its events. Message and Hint say it
	// as a person reads it; Err is set if it is a step's.
	Failure EventKind = "error"
)

// Event is one thing that happened. Every view of a build, the terminal's, the
// plain one and the JSON lines, reads the one stream of them (design.md §2.10).
type Event struct {
	Kind EventKind
	Time time.Time
	// Name is what people call the source, step or package. ID, Target and
	// Engine are a step's.
	Name     string
	ID       string
	Target   string
	Engine   plan.Engine // the step's
	Version  string
	Key      digest.Key
	Output   digest.ID
	From     string
	Path     string
	Message  string
	Hint     string
	Bytes    int64
	Size     int64
	Total    int
	Cached   int
	Built    int
	Failed   int
	Hit      bool // the step or view was there already
	Duration time.Duration
	Expected time.Duration
	Err      error
}

// Emit receives events. It is called from several goroutines at once.
type Emit func(Event)
