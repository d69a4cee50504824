package pkgspec

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(root, SpecName)
	if err := os.WriteFile(spec, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "a", SpecName), 0o777); err != nil {
		t.Fatal(err) // a directory of that name is not a spec
	}
	for _, dir := range []string{root, deep} {
		if got, err := Find(dir); err != nil || got != spec {
			t.Errorf("from %s: %q, %v", dir, got, err)
		}
	}
	t.Chdir(deep)
	if got, err := Find("."); err != nil || filepath.Base(got) != SpecName || !filepath.IsAbs(got) {
		t.Errorf("from .: %q, %v", got, err)
	}
	var missing *NotFoundError
	if _, err := Find("/proc"); !errors.As(err, &missing) || missing.Dir != "/proc" || missing.Hint() == "" {
		t.Errorf("from /proc: %v", err)
	}
}

func TestIncomplete(t *testing.T) {
	s := mustParse(t, minimal)
	if errs := s.Incomplete(UseBuild); errs != nil {
		t.Errorf("to build: %v", errs)
	}
	if errs := s.Incomplete(UseDeb); len(errs) != 2 {
		t.Errorf("to package: %v", errs)
	}
	if errs := s.Incomplete(UsePublish); len(errs) != 1 || errs[0].Hint() == "" {
		t.Errorf("to publish: %v", errs)
	}
	for _, use := range []Use{UseDeb, UsePublish} {
		if errs := mustParse(t, string(readFull(t))).Incomplete(use); errs != nil {
			t.Errorf("the full spec: %v", errs)
		}
	}
}

func TestStripByDefault(t *testing.T) {
	if s := mustParse(t, minimal); !s.Runtimes[0].Strip {
		t.Error("compiled files are not stripped")
	}
	if s := mustParse(t, "name: app\nruntime: {perl: 5, strip: false}\n"); s.Runtimes[0].Strip {
		t.Error("strip: false is not heard")
	}
}

func TestErrorAt(t *testing.T) {
	s, err := Parse("envbuild.yaml", readFull(t), testLanguages()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path []string
		want string
	}{
		{nil, "envbuild.yaml: m"},
		{[]string{"name"}, "envbuild.yaml:2:7: m"},
		{[]string{"dependencies", "cpan", "build", "DBD-mysql"}, "envbuild.yaml:28:7: m"},
		{[]string{"dependencies", "cpan", "build", "DBD-mysql", "needs", "0"}, "envbuild.yaml:28:117: m"},
		{[]string{"dependencies", "cpan", "mirrors", "1"}, "envbuild.yaml:26:37: m"},
		{[]string{"dependencies", "cpan", "mirrors", "9"}, "envbuild.yaml:26:5: m"},
		{[]string{"nowhere"}, "envbuild.yaml:2:1: m"},
	} {
		e := s.ErrorAt("m", "h", c.path...)
		if e.Error() != c.want || e.Hint() != "h" {
			t.Errorf("%q is at %v", c.path, e)
		}
	}
	if e := (&Spec{File: "x"}).ErrorAt("m", "h", "name"); e.Error() != "x: m" {
		t.Errorf("without a document: %v", e)
	}
}

func TestCheckVersion(t *testing.T) {
	for v, ok := range map[string]bool{
		"1.4.0": true, "1.4.0-3-gabc": true, "2.0~rc1": true, "1+git": true,
		"": false, "v1": false, "1:2": false, "1_2": false, "1 2": false, "1\n": false,
	} {
		err := CheckVersion(v)
		if (err == nil) != ok {
			t.Errorf("%q: %v", v, err)
		}
		var bad *VersionError
		if !ok && (!errors.As(err, &bad) || bad.Hint() == "" || bad.Error() == "") {
			t.Errorf("%q: %#v", v, err)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"/opt/x": true, "/opt/a/b": true, "/srv/x": true, "/home/app": true, "/usr/local/perl": true, "/usr/local/lib/x": true,
		"/app": true, "/data/web": true, "/var/www/x": true, "/var/opt/x": true,
		"/": false, "/opt": false, "/srv": false, "/home": false, "/usr": false, "/usr/local": false, "/usr/local/bin": false,
		"/usr/share/x": false, "/etc/x": false, "/bin": false, "/lib64/x": false, "/var": false, "/var/www": false, "/var/lib/x": false,
		"/root/x": false, "/tmp/x": false, "/run/x": false, "/opt/x/": false, "/opt/../x": false, "/opt//x": false,
		"/opt/x y": false, "/opt/$x": false, "/opt/ä": false, "/opt/a:b": false, "opt/x": false,
	} {
		if p := checkPrefix(prefix); (p.message == "") != ok {
			t.Errorf("%s: %q", prefix, p.message)
		}
	}
}

func TestInputs(t *testing.T) {
	const base = "name: app\nruntime: {perl: \"~5.36\"}\ndependencies: {cpan: {features: [a, b], mirrors: [http://x/, http://y/]}}\n"
	s := mustParse(t, base)
	for name, text := range map[string]string{
		"style":           "name: other\nversion: 2\ndependencies:\n  cpan:\n    # why\n    mirrors: ['http://x/', http://y/]\n    features:\n    - b\n    - a\nruntime:\n  perl: ~5.36\n",
		"packaging":       base + "package: {revision: 2}\napp: {files: [x]}\nenv: {A: b}\n",
		"default written": strings.Replace(base, "{features", "{cpanfile: cpanfile, without: [test, develop], features", 1),
		"build's own":     strings.Replace(base, "{features", "{build: {DBI: {env: {A: b}, apt: [libx-dev]}}, features", 1),
		"bundled":         strings.Replace(base, "~5.36\"", "~5.36\", as: package, prefix: /opt/perl, revision: 2, maintainer: A <a@b.c>", 1),
	} {
		other := mustParse(t, text)
		if other.RuntimeInput("perl") != s.RuntimeInput("perl") || other.CPANInput() != s.CPANInput() {
			t.Errorf("%s makes the lock stale", name)
		}
	}
	seen := map[LockInput]string{s.RuntimeInput("perl"): "", s.CPANInput(): ""}
	for _, c := range [][2]string{
		{"~5.36", "~5.38"}, {"~5.36\"", "~5.36\", options: {threads: true}"}, {"~5.36\"", "~5.36\", options: {patches: [p]}"},
		{"~5.36\"", "~5.36\", options: {configure: [p]}"},
		{"[a, b]", "[a]"}, {"http://x/, http://y/", "http://y/, http://x/"}, {"{features", "{cpanfile: c, features"},
		{"{features", "{without: [test], features"}, {"{features", "{build: {DBI: {needs: [X]}}, features"},
		{"{features", "{build: {DBX: {needs: [X]}}, features"},
	} {
		other := mustParse(t, strings.Replace(base, c[0], c[1], 1))
		in := other.CPANInput()
		if other.RuntimeInput("perl") != s.RuntimeInput("perl") {
			in = other.RuntimeInput("perl")
		}
		if before, ok := seen[in]; ok {
			t.Errorf("%s has the digest of %q", c[1], before)
		}
		seen[in] = c[1]
	}
}

func TestNearest(t *testing.T) {
	known := []string{"cpanfile", "without", "mirrors", "env", "env_files"}
	for name, want := range map[string]string{
		"cpanfle": "cpanfile", "Mirrors": "mirrors", "envs": "env", "mirorrs": "mirrors", "x": "", "nothing": "",
		strings.Repeat("cpanfile", 100): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%s is near %q", name, got)
		}
	}
}

func TestSchema(t *testing.T) {
	got := Schema(Perl())
	golden(t, "schema.golden.json", got)
	var s struct {
		Required   []string
		Properties map[string]any
	}
	if err := json.Unmarshal(got, &s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Required, []string{"name", "runtime"}) || len(s.Properties) != 13 {
		t.Errorf("required %q, %d properties", s.Required, len(s.Properties))
	}
}

// TestExamples parses the example of every key, in a spec with what else the
// key needs.
func TestExamples(t *testing.T) {
	needs := map[string]string{ // by path: siblings that judge functions ask for
		"runtime.options.source": "sha256", "runtime.options.sha256": "source",
		"runtime.prefix": "as: package", "services.x1.hot": "listen",
		"publish.x1.distribution": "dir", "publish.x1.component": "dir distribution", "publish.x1.sign": "dir distribution",
		"publish.x1.create": "dir distribution sign",
		"publish.x1.dir":    "distribution", "publish.x1.s3": "distribution", "publish.x1.ssh": "distribution", "publish.x1.aptly": "distribution",
		"runtime.revision": "as: package", "runtime.maintainer": "as: package",
	}
	var walk func(s schema, path []string, wrap func(string) string)
	walk = func(s schema, path []string, wrap func(string) string) {
		if s.Description != "" && len(path) > 0 && s.example == "" {
			t.Errorf("%q has no example", path)
		}
		object := func(key, entry string) string {
			entries := []string{entry}
			for _, other := range s.Required {
				if other != key {
					entries = append(entries, s.Properties[other].example)
				}
			}
			switch at := strings.Join(append(path, key), "."); needs[at] {
			case "":
			case "as: package":
				entries = append(entries, needs[at])
			default:
				for _, other := range strings.Fields(needs[at]) {
					entries = append(entries, s.Properties[other].example)
				}
			}
			if at := strings.Join(path, "."); at == "runtime" && !slices.Contains([]string{"perl"}, key) {
				entries = append(entries, "perl: 5.36.3")
			}
			return wrap("{" + strings.Join(entries, ", ") + "}")
		}
		for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
			sub := s.Properties[key]
			text := object(key, sub.example)
			if _, err := Parse("example", []byte(text), testLanguages()...); err != nil {
				t.Errorf("%v in %s", err, text)
			}
			walk(sub, append(slices.Clone(path), key), func(in string) string { return object(key, key+": "+in) })
		}
		if rest, ok := s.AdditionalProperties.(schema); ok && len(s.Properties) == 0 {
			walk(rest, append(slices.Clone(path), "x1"), func(in string) string { return wrap("{x1: " + in + "}") })
		}
	}
	walk(specShape([]Language{Perl()}).schema, nil, func(in string) string { return in })
}
