package perl

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envbuild/envbuild/build/lang"
)

var _ lang.Sketcher = (*Perl)(nil)

func sketched(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestSketch(t *testing.T) {
	for name, c := range map[string]struct {
		files      map[string]string
		constraint string // its beginning
		services   string
	}{
		"version manager": {map[string]string{".perl-version": "perl-5.34.1\n", "cpanfile": ""}, "~5.34.1", ""},
		"asdf":            {map[string]string{".tool-versions": "node 20\nperl 5.36.0\n", "lib/A.pm": ""}, "~5.36.0", ""},
		"newest":          {map[string]string{"app.psgi": ""}, "~5.", "web=plackup --port ${PLACK_PORT} app.psgi"},
		"bounded":         {map[string]string{"cpanfile": "requires 'perl', '>= 5.026, < 5.035';\n"}, "~5.34", ""},
		"snapshot": {map[string]string{"cpanfile": "", "cpanfile.snapshot": snapshotHeader + "\nDISTRIBUTIONS\n  A-1\n    pathname: A/AB/ABC/A-1.tar.gz\n" +
			"    provides:\n      A 1\n    requirements:\n      perl < 5.033\n"}, "~5.32", ""},
		"scripts": {map[string]string{"cpanfile": "use strict; requires $x;", "script/web": "", "bin/worker": "", "app.psgi": ""}, "~5.", "web=script/web worker=bin/worker"},
	} {
		s, ok, err := New().Sketch(sketched(c.files))
		if err != nil || !ok || !strings.HasPrefix(s.Constraint, c.constraint) || s.Because == "" {
			t.Errorf("%s: %+v %v %v", name, s, ok, err)
		}
		var services []string
		for _, v := range s.Services {
			services = append(services, v.Name+"="+strings.Join(v.Run, " "))
		}
		if got := strings.Join(services, " "); got != c.services {
			t.Errorf("%s: services %s", name, got)
		}
	}
	if _, ok, err := New().Sketch(sketched(map[string]string{"README": ""})); ok || err != nil {
		t.Errorf("a project of no language: %v %v", ok, err)
	}
	if _, _, err := New().Sketch(sketched(map[string]string{"cpanfile": "requires 'perl', '>= 9';"})); err == nil {
		t.Error("no error for a perl that doesn't exist")
	}
}
