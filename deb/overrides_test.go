package deb

import (
	"testing"

	"github.com/envbuild/envbuild/internal/tree"
)

func TestComponentRoot(t *testing.T) {
	for want, components := range map[string][]Component{
		"opt/x":       {{Files: []string{"/opt/x/local/lib/A.pm"}}, {Files: []string{"/opt/x/localized/f"}}, {}},
		"opt/x/local": {{Files: []string{"/opt/x/local/lib/A.pm", "/opt/x/local/bin/a"}}},
		"":            {{Files: []string{"/opt/x/f"}}, {Files: []string{"/usr/x"}}},
	} {
		if got := componentRoot(components); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := componentRoot(nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestOverrides(t *testing.T) {
	m := Meta{Name: "web", Components: []Component{{Files: []string{"/opt/web/runtime/bin/perl", "/opt/web/runtime/lib/x"}}}}
	got := string(lintianOverrides(m, []tree.Entry{{Path: "/opt/web/app/x"}}))
	want := `# /opt is where local packages live (policy 9.1.2, FHS 3.13).
web: dir-or-file-in-opt *
# Programs run on the package's own runtime; its environment decides what env finds.
web: incorrect-path-for-interpreter *opt/web/*
web: wrong-path-for-interpreter *opt/web/*
# The files of the components are as their authors made them.
web: custom-library-search-path *opt/web/runtime/*
web: embedded-library *opt/web/runtime/*
web: executable-not-elf-or-script *opt/web/runtime/*
web: national-encoding *opt/web/runtime/*
web: script-not-executable *opt/web/runtime/*
web: shared-library-lacks-prerequisites *opt/web/runtime/*
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if got := lintianOverrides(Meta{Name: "web"}, []tree.Entry{{Path: "/var/lib/web/x"}}); len(got) > 0 {
		t.Errorf("without a reason: %s", got)
	}
}
