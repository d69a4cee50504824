package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
)

// Hundreds of archives that are only unpacked are one line.
func TestUnpackedSteps(t *testing.T) {
	var events []build.Event
	for _, id := range []string{"npm:a@1", "npm:a@2", "npm:b@1"} {
		events = append(events, build.Event{
			Kind: build.StepDone, Name: id[4:5], ID: id, Version: id[6:], Engine: plan.Unpack, Duration: time.Millisecond,
		})
	}
	events = append(events,
		build.Event{Kind: build.StepDone, Name: "c", ID: "npm:c@1", Engine: plan.Unpack, Hit: true},
		build.Event{Kind: build.Finished, Total: 4, Duration: time.Second})
	got := plainText(Options{}, events)
	if want := "unpacked 3 archives\n"; !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("printed:\n%s", got)
	}
	if got := plainText(Options{Verbose: true}, events); strings.Count(got, "\n") != 4 {
		t.Errorf("verbosely printed:\n%s", got)
	}
}

// Rows of steps with one name, and of a source with a step's, are told apart.
func TestRowsOfOneName(t *testing.T) {
	v := &liveView{now: time.Now}
	for _, e := range []build.Event{
		{Kind: build.StepStarted, Name: "a", ID: "npm:a@1"},
		{Kind: build.StepStarted, Name: "a", ID: "npm:a@2"},
		{Kind: build.FetchStarted, Name: "a"},
		{Kind: build.PackageStarted, Name: "p"},
		{Kind: build.PackageDone, Name: "p", Path: "/out/p.deb"},
		{Kind: build.StepDone, Name: "a", ID: "npm:a@1"},
	} {
		v.follow(e)
	}
	if len(v.rows) != 2 || v.rows[0].key != "step npm:a@2" || v.rows[1].kind != build.FetchStarted {
		t.Errorf("rows: %+v", v.rows)
	}
}
