package perl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// summary has a line for each distribution: its name, version and needs.
func summary(lock *pkgspec.Lock) string {
	var b strings.Builder
	for _, p := range lock.Language("perl").Distributions {
		fmt.Fprintf(&b, "%s-%s: %s\n", p.Name, p.Version, strings.Join(p.Requires, " "))
	}
	return b.String()
}

// snapshotText writes a snapshot from blocks "PATHNAME | provided… | required…" of
// words "Module=version".
func snapshotText(blocks ...string) string {
	var b strings.Builder
	b.WriteString(snapshotHeader + "\nDISTRIBUTIONS\n")
	for _, block := range blocks {
		parts := strings.Split(block+"||", "|")
		pathname := strings.TrimSpace(parts[0])
		name, version := distName(pathname)
		fmt.Fprintf(&b, "  %s-%s\n    pathname: %s\n", name, version, pathname)
		for i, title := range []string{"provides", "requirements"} {
			fmt.Fprintf(&b, "    %s:\n", title)
			for word := range strings.FieldsSeq(parts[i+1]) {
				m, v, _ := strings.Cut(word, "=")
				fmt.Fprintf(&b, "      %s %s\n", m, v)
			}
		}
	}
	return b.String()
}

func TestResolve(t *testing.T) {
	for _, test := range []struct {
		name    string
		world   func(w *world)
		request func(r *lang.LockRequest)
		want    string
		notices []string
		err     string
		hint    string
	}{
		{
			name: "from the index alone, with its META",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'App', '1';\n"
				w.dist(publicMirror, "A/AU/AUTHOR/App-1.2.tar.gz", "App 1.2", "Lib 2\nCarp 0\nconfigure: Tool 0\ntest: Test::Only 0")
				w.dist(publicMirror, "A/AU/AUTHOR/Lib-2.5.tar.gz", "Lib 2.5", "")
				w.dist(privateMirror, "P/PR/PRIVATE/Tool-0.1.tar.gz", "Tool 0.1", "")
				w.index(privateMirror, "Tool 0.1 P/PR/PRIVATE/Tool-0.1.tar.gz")
				w.index(publicMirror, "App 1.2 A/AU/AUTHOR/App-1.2.tar.gz\nLib 2.5 A/AU/AUTHOR/Lib-2.5.tar.gz\nTool 9 A/AU/AUTHOR/Tool-9.tar.gz")
			},
			want:    "App-1.2: Lib Tool\nLib-2.5: \nTool-0.1: \n",
			notices: []string{"There is no cpanfile.snapshot, so 3 distributions came from the index of http://private.example/, https://public.example/."},
		},
		{
			name: "the snapshot counts, and a gap is filled with a notice",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'App';\n"
				w.files["cpanfile.snapshot"] = snapshotText("A/AU/AUTHOR/App-1.2.tar.gz | App=1.2 | Lib=2 perl=5.008", "A/AU/AUTHOR/Lib-2.0.tar.gz | Lib=2.0 |")
				w.dist(publicMirror, "A/AU/AUTHOR/App-1.2.tar.gz", "App 1.2", "Lib 99\nconfigure: Module::Build 0.4")
				w.dist(publicMirror, "A/AU/AUTHOR/Lib-2.0.tar.gz", "Lib 2", "")
				w.dist(publicMirror, "L/LE/LEONT/Module-Build-0.4234.tar.gz", "Module::Build 0.4234", "")
				w.index(privateMirror, "")
				w.index(publicMirror, "Lib 3 A/AU/AUTHOR/Lib-3.tar.gz\nModule::Build 0.4234 L/LE/LEONT/Module-Build-0.4234.tar.gz")
			},
			want:    "App-1.2: Lib Module-Build\nLib-2.0: \nModule-Build-0.4234: \n",
			notices: []string{"cpanfile.snapshot lacks Module::Build, which cpanfile:1:10 → App-1.2 needs; taken from https://public.example/: L/LE/LEONT/Module-Build-0.4234.tar.gz."},
		},
		{
			name: "Build.PL without configure requirements needs Module::Build",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'Old';\n"
				w.archive(publicMirror, "A/AU/AUTHOR/Old-1.tgz", map[string]string{
					"META.yml": "---\nname: Old\nrequires:\n  Carp: 0\nprovides:\n  Old:\n    file: x\n    version: 1\n", "Build.PL": "use Module::Build;",
				})
				w.dist(publicMirror, "L/LE/LEONT/Module-Build-0.4234.tar.gz", "Module::Build 0.4234", "")
				w.index(privateMirror, "")
				w.index(publicMirror, "Old 1 A/AU/AUTHOR/Old-1.tgz\nModule::Build 0.4234 L/LE/LEONT/Module-Build-0.4234.tar.gz")
			},
			want:    "Module-Build-0.4234: \nOld-1: Module-Build\n",
			notices: []string{"There is no cpanfile.snapshot, so 2 distributions came from the index of https://public.example/."},
		},
		{
			name: "a cycle through the core is cut, and needs add edges",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'Encode', '3.19'; requires 'Top';\n"
				w.files["cpanfile.snapshot"] = snapshotText(
					"B/BI/BINGOS/ExtUtils-MakeMaker-7.70.tar.gz | ExtUtils::MakeMaker=7.70 | Encode=0 ExtUtils::MakeMaker=0",
					"D/DA/DANKOGAI/Encode-3.19.tar.gz | Encode=3.19 | ExtUtils::MakeMaker=0",
					"A/AU/AUTHOR/Top-1.tar.gz | Top=1 | ExtUtils::MakeMaker=7.70",
					"A/AU/AUTHOR/Secret-1.tar.gz | Secret=1 |", "A/AU/AUTHOR/Unused-1.tar.gz | Unused=1 |")
				w.dist(publicMirror, "B/BI/BINGOS/ExtUtils-MakeMaker-7.70.tar.gz", "", "")
				w.dist(publicMirror, "D/DA/DANKOGAI/Encode-3.19.tar.gz", "", "")
				w.dist(publicMirror, "A/AU/AUTHOR/Top-1.tar.gz", "", "")
				w.dist(publicMirror, "A/AU/AUTHOR/Secret-1.tar.gz", "", "")
			},
			request: func(r *lang.LockRequest) {
				r.Spec.CPAN().Build = []pkgspec.BuildHelp{{Distribution: "Top", Needs: []string{"Secret"}}}
			},
			want: "Encode-3.19: \nExtUtils-MakeMaker-7.70: \nSecret-1: \nTop-1: ExtUtils-MakeMaker Secret\n",
		},
		{
			name: "a real cycle",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'A';\n"
				w.files["cpanfile.snapshot"] = snapshotText("X/XX/XX/A-1.tar.gz | A=1 | B=0", "X/XX/XX/B-1.tar.gz | B=1 | A=0")
				w.dist(publicMirror, "X/XX/XX/A-1.tar.gz", "", "")
				w.dist(publicMirror, "X/XX/XX/B-1.tar.gz", "", "")
			},
			err: "dependency cycle: A → B → A",
		},
		{
			name: "several providers: by requirement and version, then by the module's name",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'H::E', '< 5'; requires 'Same'; requires 'Other';\n"
				w.files["cpanfile.snapshot"] = snapshotText(
					"X/XX/XX/Aaa-1.tar.gz | H::E=3 Same=1 |", "X/XX/XX/Bbb-1.tar.gz | H::E=4 Other=undef |",
					"X/XX/XX/Ccc-1.tar.gz | H::E=5 Other=1 |", "X/XX/XX/Same-1.tar.gz | Same=1 |")
				for _, d := range []string{"Aaa", "Bbb", "Ccc", "Same"} {
					w.dist(publicMirror, "X/XX/XX/"+d+"-1.tar.gz", "", "")
				}
			},
			want: "Bbb-1: \nCcc-1: \nSame-1: \n",
		},
		{
			name: "a later requirement changes an earlier choice",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'Lib'; requires 'App';\n"
				w.files["cpanfile.snapshot"] = snapshotText(
					"X/XX/XX/New-1.tar.gz | Lib=2 |", "X/XX/XX/Lib-1.tar.gz | Lib=1 |", "X/XX/XX/App-1.tar.gz | App=1 | Lib===1")
				for _, d := range []string{"New", "Lib", "App"} {
					w.dist(publicMirror, "X/XX/XX/"+d+"-1.tar.gz", "", "")
				}
			},
			want: "App-1: Lib\nLib-1: \n",
		},
		{
			name: "nothing satisfies",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'App';\n"
				w.files["cpanfile.snapshot"] = snapshotText("A/AU/AUTHOR/App-1.2.tar.gz | App=1.2 | Lib=9", "A/AU/AUTHOR/Lib-2.0.tar.gz | Lib=2.0 |")
				w.dist(publicMirror, "A/AU/AUTHOR/App-1.2.tar.gz", "", "")
				w.index(privateMirror, "")
				w.index(publicMirror, "Lib 3 A/AU/AUTHOR/Lib-3.tar.gz")
			},
			err: "nothing provides Lib: cpanfile:1:10 → App-1.2 requires 9 or newer; cpanfile.snapshot has 2.0 in A/AU/AUTHOR/Lib-2.0.tar.gz, " +
				"perl 5.36.0 lacks it, the index of http://private.example/ lacks it, the index of https://public.example/ has 3 in A/AU/AUTHOR/Lib-3.tar.gz",
			hint: "correct the requirement, or add the mirror that has it to dependencies.cpan.mirrors in envbuild.yaml",
		},
		{
			name: "a private mirror that is down is never passed by",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'Secret::App';\n"
				w.down[privateMirror] = errors.New("connection refused")
				w.index(publicMirror, "Secret::App 666 E/EV/EVIL/Secret-App-666.tar.gz")
				w.dist(publicMirror, "E/EV/EVIL/Secret-App-666.tar.gz", "", "")
			},
			err:  "the index of http://private.example/ can't be read: connection refused",
			hint: "bring the mirror back, or take it out of dependencies.cpan.mirrors; envbuild doesn't look for its modules elsewhere",
		},
		{
			name: "an archive of the snapshot is nowhere",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'App';\n"
				w.files["cpanfile.snapshot"] = snapshotText("A/AU/AUTHOR/App-1.2.tar.gz | App=1.2 |")
			},
			err: "A/AU/AUTHOR/App-1.2.tar.gz, needed by cpanfile:1:10, is on none of the mirrors http://private.example/, https://public.example/",
		},
		{
			name:  "another perl is required",
			world: func(w *world) { w.files["cpanfile"] = "requires 'perl', '5.040';\n" },
			err:   "cpanfile:1:10 requires perl 5.040, and the runtime is perl 5.36.0",
		},
		{
			name:  "core modules need nothing",
			world: func(w *world) { w.files["cpanfile"] = "requires 'strict'; requires 'Test::More', '0.98';\n" },
		},
		{
			name: "a feature, a phase and a conflict",
			world: func(w *world) {
				w.files["cpanfile"] = "feature 'sqlite', 'with a database' => sub { requires 'DBD::SQLite' };\n" +
					"on test => sub { requires 'Test::Only' };\nconflicts 'DBD::SQLite', '< 1.70';\n"
				w.dist(publicMirror, "I/IS/ISHIGAKI/DBD-SQLite-1.60.tar.gz", "DBD::SQLite 1.60", "")
				w.index(privateMirror, "")
				w.index(publicMirror, "DBD::SQLite 1.60 I/IS/ISHIGAKI/DBD-SQLite-1.60.tar.gz")
			},
			request: func(r *lang.LockRequest) { r.Spec.CPAN().Features = []string{"sqlite"} },
			err:     "cpanfile:3:11 forbids DBD::SQLite < 1.70, and DBD-SQLite-1.60 has it",
		},
		{
			name:    "an unknown feature",
			world:   func(w *world) { w.files["cpanfile"] = "feature 'a' => sub {};\n" },
			request: func(r *lang.LockRequest) { r.Spec.CPAN().Features = []string{"b"} },
			err:     `envbuild.yaml: cpanfile has no feature "b", which dependencies.cpan.features names`,
			hint:    "its features are a",
		},
		{name: "no cpanfile", world: func(*world) {}, err: "cpanfile is not there"},
		{
			name: "dist, url and mirror say where a module comes from",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'A', dist => 'AUTHOR/A-0.9.tar.gz';\n" +
					"requires 'B', '1', url => 'https://own.example/x/B-1.5.tar.gz';\n" +
					"requires 'C', mirror => 'https://third.example';\n"
				w.mirrors["https://own.example/x/"] = map[string][]byte{
					"B-1.5.tar.gz": tarGzip(t, "B-1.5", map[string]string{"lib/B.pm": "package B;\nour $VERSION = '1.5';\n", "META.json": "{}"}),
				}
				w.mirrors["https://third.example/"] = map[string][]byte{}
				w.dist(publicMirror, "A/AU/AUTHOR/A-0.9.tar.gz", "A 0.9", "B 1.4")
				w.dist("https://third.example/", "C/CC/CC/C-1.tar.gz", "C 1", "")
				w.index("https://third.example/", "C 1 C/CC/CC/C-1.tar.gz")
			},
			want:    "A-0.9: B\nB-1.5: \nC-1: \n",
			notices: []string{"There is no cpanfile.snapshot, so one distribution came from the index of https://third.example/."},
		},
		{
			name: "git",
			world: func(w *world) {
				w.files["cpanfile"] = "requires 'A', git => 'https://git.example/a.git', ref => 'v1';\n"
			},
			err: "cpanfile:1:10: A comes from the git repository https://git.example/a.git, which is not an archive that can be pinned",
		},
		{
			name:  "an update of what isn't there",
			world: func(w *world) { w.files["cpanfile"] = "requires 'strict';\n" },
			request: func(r *lang.LockRequest) {
				r.Update = []string{"Nope"}
			},
			err: `there is nothing to update: no distribution or module that the project needs is named "Nope"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.world(w)
			req := w.request()
			if test.request != nil {
				test.request(&req)
			}
			got, err := (lang.Table{New()}).Lock(context.Background(), req, nil)
			checkError(t, err, test.err, test.hint)
			if err != nil {
				return
			}
			if s := summary(got.Lock); s != test.want {
				t.Errorf("the lock has\n%swant\n%s", s, test.want)
			}
			if a, b := strings.Join(got.Notices, "\n"), strings.Join(test.notices, "\n"); a != b {
				t.Errorf("notices\n%s\nwant\n%s", a, b)
			}
		})
	}
}

func checkError(t *testing.T, err error, want, advice string) {
	t.Helper()
	if err == nil && want != "" {
		t.Fatalf("no error, want %q", want)
	}
	if err != nil && err.Error() != want {
		t.Fatalf("error %q, want %q", err, want)
	}
	if advice != "" && hint.Of(err) != advice {
		t.Errorf("hint of %#v, want %q", err, advice)
	}
}

// project is one that grows: a snapshot with two distributions and newer ones on
// the mirror.
func project(t *testing.T) *world {
	w := newWorld(t)
	w.files["cpanfile"] = "requires 'App';\n"
	w.files["cpanfile.snapshot"] = snapshotText("A/AU/AUTHOR/App-1.tar.gz | App=1 App::Util=1 | Lib=0 Gap=0", "A/AU/AUTHOR/Lib-1.tar.gz | Lib=1 |")
	for _, d := range []string{"App-1", "App-2", "Lib-1", "Lib-2", "Gap-1", "Gap-2"} {
		name, version, _ := strings.Cut(d, "-")
		needs := ""
		if name == "App" {
			needs = "Lib 0\nGap 0"
		}
		w.dist(publicMirror, "A/AU/AUTHOR/"+d+".tar.gz", name+" "+version, needs)
	}
	w.index(privateMirror, "")
	w.index(publicMirror, "App 1 A/AU/AUTHOR/App-1.tar.gz\nLib 1 A/AU/AUTHOR/Lib-1.tar.gz\nGap 1 A/AU/AUTHOR/Gap-1.tar.gz")
	return w
}

func mustLock(t *testing.T, req lang.LockRequest) *lang.Locked {
	t.Helper()
	got, err := (lang.Table{New()}).Lock(context.Background(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLockIsDeterministicAndKeepsItsPins(t *testing.T) {
	w := project(t)
	req := w.request()
	first := mustLock(t, req).Lock
	if got, want := summary(first), "App-1: Gap Lib\nGap-1: \nLib-1: \n"; got != want {
		t.Fatalf("first lock\n%swant\n%s", got, want)
	}
	if got := mustLock(t, req).Lock; string(got.Encode()) != string(first.Encode()) {
		t.Errorf("the second lock differs:\n%s\n%s", got.Encode(), first.Encode())
	}
	if parsed, err := pkgspec.ParseLock("envbuild.lock", first.Encode()); err != nil || string(parsed.Encode()) != string(first.Encode()) {
		t.Errorf("the lock doesn't survive its file: %v", err)
	}

	// The mirror moves on; what is pinned stays, also what came from the index.
	w.index(publicMirror, "App 2 A/AU/AUTHOR/App-2.tar.gz\nLib 2 A/AU/AUTHOR/Lib-2.tar.gz\nGap 2 A/AU/AUTHOR/Gap-2.tar.gz")
	req.Previous = first
	if got := mustLock(t, req).Lock; string(got.Encode()) != string(first.Encode()) {
		t.Errorf("a lock made again on top of itself differs:\n%s", got.Encode())
	}

	req.Update = []string{"Lib"}
	second := mustLock(t, req)
	if got, want := summary(second.Lock), "App-1: Gap Lib\nGap-1: \nLib-2: \n"; got != want {
		t.Errorf("after --update Lib\n%swant\n%s", got, want)
	}
	if want := "Lib is taken anew from https://public.example/: A/AU/AUTHOR/Lib-2.tar.gz."; strings.Join(second.Notices, "|") != want {
		t.Errorf("notices %q", second.Notices)
	}

	// While the snapshot stays, so does what was updated by name.
	req.Previous, req.Update = second.Lock, nil
	if got := mustLock(t, req).Lock; string(got.Encode()) != string(second.Lock.Encode()) {
		t.Errorf("the update is lost:\n%s", got.Encode())
	}
	w.files["cpanfile.snapshot"] += "\n"
	if got, want := summary(mustLock(t, req).Lock), "App-1: Gap Lib\nGap-1: \nLib-1: \n"; got != want {
		t.Errorf("with a new snapshot\n%swant\n%s", got, want)
	}
	// An archive that was made anew under its old name is refused, until it is
	// asked for by name.
	req.Previous = first
	w.dist(publicMirror, "A/AU/AUTHOR/Gap-1.tar.gz", "Gap 1", "")
	w.archive(publicMirror, "A/AU/AUTHOR/Lib-1.tar.gz", map[string]string{"META.json": "{}", "new": ""})
	if _, err := (lang.Table{New()}).Lock(context.Background(), req, nil); err == nil {
		t.Error("other bytes under the same name were pinned")
	}
	req.Update = []string{"Lib"}
	w.index(publicMirror, "Lib 1 A/AU/AUTHOR/Lib-1.tar.gz\nGap 2 A/AU/AUTHOR/Gap-2.tar.gz")
	if got := mustLock(t, req).Lock; got.Language("perl").Distributions[2].Source().SHA256 == first.Language("perl").Distributions[2].Source().SHA256 {
		t.Error("an update kept the old bytes")
	}

	req.Update = []string{"Gap", "Lib"}
	if got, want := summary(mustLock(t, req).Lock), "App-1: Gap Lib\nGap-2: \nLib-1: \n"; got != want {
		t.Errorf("after --update Gap\n%swant\n%s", got, want)
	}
}

// TestLockMendsALockEditedByHand pins anew what the lock before has no archive of.
func TestLockMendsALockEditedByHand(t *testing.T) {
	req := project(t).request()
	want := mustLock(t, req).Lock.Encode()
	for name, edit := range map[string]func(*pkgspec.LanguageLock){
		"no archive":         func(ll *pkgspec.LanguageLock) { ll.Distributions[0].Sources = nil },
		"no runtime archive": func(ll *pkgspec.LanguageLock) { ll.Runtime.Sources = nil },
		"no version":         func(ll *pkgspec.LanguageLock) { ll.Runtime.Version = "" },
	} {
		edited, err := pkgspec.ParseLock("envbuild.lock", want)
		if err != nil {
			t.Fatal(err)
		}
		edit(&edited.Languages[0])
		req.Previous = edited
		got, err := (lang.Table{New()}).Lock(t.Context(), req, nil)
		if err != nil || string(got.Lock.Encode()) != string(want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLockHoldsWhatBuildsNeed(t *testing.T) {
	w := project(t)
	lock := mustLock(t, w.request()).Lock
	rt := lock.Language("perl").Runtime
	if rt.Version != "5.36.0" || rt.Source().Path != "perl-5.36.0.tar.xz" || rt.Source().Size == 0 || rt.Source().SHA256.IsZero() {
		t.Errorf("runtime %+v", rt)
	}
	if got := lock.Date.Format("2006-01-02T15:04:05Z07:00"); got != "2021-05-06T07:08:09Z" {
		t.Errorf("date %s", got)
	}
	app := lock.Language("perl").Distributions[0]
	if app.Source().Path != "A/AU/AUTHOR/App-1.tar.gz" || app.Source().URL != "" || app.Source().Size == 0 || app.Source().SHA256.IsZero() {
		t.Errorf("source %+v", app.Source())
	}
	if fmt.Sprint(app.Provides) != "[{App 1} {App::Util 1}]" {
		t.Errorf("provides %v", app.Provides)
	}
	var names []string
	for _, in := range lock.Inputs {
		names = append(names, in.Name)
	}
	if got := strings.Join(names, " "); got != "cpanfile cpanfile.snapshot envbuild.yaml:dependencies.cpan envbuild.yaml:runtime.perl" {
		t.Errorf("inputs %s", got)
	}
	if stale := lock.Stale(lock.Inputs); stale != nil {
		t.Errorf("stale at once: %v", stale)
	}
}

func TestLockPinsTheAddressOfTheCpanfilesOwnMirror(t *testing.T) {
	w := project(t)
	w.files["cpanfile"] = "mirror 'https://public.example';\nrequires 'App';\n"
	req := w.request()
	req.Spec.CPAN().Mirrors = nil
	first := mustLock(t, req).Lock
	for _, p := range first.Language("perl").Distributions {
		if want := publicMirror + authorsPath + p.Source().Path; p.Source().URL != want {
			t.Errorf("%s has the address %q, want %q", p.Name, p.Source().URL, want)
		}
	}
	req.Previous = first
	if got := mustLock(t, req).Lock; string(got.Encode()) != string(first.Encode()) {
		t.Errorf("made again it differs:\n%s", got.Encode())
	}
}

func TestLockEvaluatesCpanfileThatIsAProgram(t *testing.T) {
	w := project(t)
	w.files["cpanfile"] = "my $x = 'App';\nrequires $x;\n"
	req := w.request()
	_, err := (lang.Table{New()}).Lock(context.Background(), req, nil)
	checkError(t, err, `cpanfile:1:1: "my" makes this cpanfile a program, and there is no perl to run it`,
		"write requirements as plain statements (requires 'Module', 'version';) so that the file can be read without running it")

	req.Evaluate = func(_ context.Context, step plan.Step, script string, stdin []byte) ([]byte, error) {
		if step.Kind != plan.Runtime || step.Version != "5.36.0" {
			t.Errorf("the step is %s %s", step.Kind, step.Version)
		}
		return runPerl(t, script, stdin), nil
	}
	if got, want := summary(mustLock(t, req).Lock), "App-1: Gap Lib\nGap-1: \nLib-1: \n"; got != want {
		t.Errorf("the lock has\n%swant\n%s", got, want)
	}
}
