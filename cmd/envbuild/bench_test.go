package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// How often each tool does each task; medians are reported. What is compared
// runs in turn, so that a machine that gets slower meanwhile slows all of them.
const installRounds = 3

// BenchmarkInstall installs the sample's distributions with one perl, from one
// mirror, with the same cores: envbuild, Carton, and App::cpm where it is on
// PATH. Cold: nothing but perl is there. Warm: everything is. Changed: one
// distribution has a new version; a tool that leaves the old one, because
// cpanfile is content with it, hasn't seen that.
func BenchmarkInstall(b *testing.B) {
	perl := benchPerl(b)
	for b.Loop() {
		table := newBenchTable("envbuild")
		for range installRounds {
			for _, tool := range installers(b, perl) {
				table.add("cold", tool.name, timed(b, tool.install))
				table.add("warm", tool.name, timed(b, tool.install))
				nextTextMicroTemplate(b, tool.install.Dir, "0.25")
				changed := time.Duration(0)
				if tool.update != nil {
					changed = timed(b, tool.update)
				}
				changed += timed(b, tool.install)
				task := "changed"
				if !tool.has(b, "Text::MicroTemplate", "0.25") {
					task = "changed, not seen"
				}
				table.add(task, tool.name, changed)
			}
		}
		table.print(b)
	}
}

// installer is a tool in a copy of the sample of its own.
type installer struct {
	name    string
	install *exec.Cmd
	update  *exec.Cmd // what follows a change of cpanfile.snapshot, or nil
	perl    []string  // starts perl with what is installed
}

// has reports whether the version of a module is installed.
func (i installer) has(b *testing.B, module, version string) bool {
	b.Helper()
	check := exec.Command(i.perl[0], slices.Concat(i.perl[1:], []string{"-M" + module, "-e", "exit($ARGV[0] ne " + module + "->VERSION)", version})...)
	check.Dir, check.Env = i.install.Dir, i.install.Env
	out, err := check.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || len(out) > 0) {
		b.Fatalf("%q: %v %s", check.Args, err, out)
	}
	return err == nil
}

// debianModules tells a perl of ours where Debian's Carton is, of which cpm reads
// snapshots too. It is pure Perl. What they start doesn't see the directory.
const debianModules = "-I/usr/share/perl5"

func installers(b *testing.B, perl string) []installer {
	ours := sample(b)
	ours.env = append(ours.env, "ENVBUILD_CACHE="+newCache(b))
	ours.must(b, "lock")
	theirPerl := []string{perl, "-Mlib=local/lib/perl5"}
	tools := []installer{{"envbuild", command(ours, "envbuild", "build"), command(ours, "envbuild", "lock"), []string{"envbuild", "exec", "--", "perl"}}}
	if path, err := exec.LookPath("carton"); err == nil {
		theirs := sample(b)
		theirs.env = append(theirs.env, "PERL_CARTON_MIRROR="+mirrorOf(theirs))
		install := command(theirs, perl, debianModules, path, "install", "--deployment")
		tools = append(tools, installer{name: "carton", install: install, perl: theirPerl})
	} else {
		b.Log("carton is not on PATH: not measured")
	}
	if path := cpmPath(); path != "" {
		theirs := sample(b)
		// Its cache of built distributions starts empty, as ours.
		install := command(theirs, perl, debianModules, path, "install", "--home", newDir(b), "--workers", fmt.Sprint(runtime.NumCPU()),
			"--resolver", "snapshot", "--mirror", mirrorOf(theirs))
		tools = append(tools, installer{name: "cpm", install: install, perl: theirPerl})
	} else {
		b.Log("App::cpm is not on PATH: not measured")
	}
	return tools
}

func mirrorOf(c client) string { return "file://" + filepath.Join(c.dir, "mirror", "all") }

// cpmPath finds App::cpm. Other programs have the name, too.
func cpmPath() string {
	path, err := exec.LookPath("cpm")
	if err != nil {
		return ""
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "skaji/cpm") && !strings.Contains(string(out), "App::cpm") {
		return ""
	}
	return path
}

// benchPerl returns the perl that all tools build for: the one that envbuild
// built, without a bundle.
func benchPerl(b *testing.B) string {
	b.Helper()
	c := client{dir: newDir(b), env: append(os.Environ(), "ENVBUILD_CACHE="+mainCache())}
	spec := "name: perl\nversion: \"1\"\nruntime: {perl: \"" + testPerl + "\"}\n"
	if err := os.WriteFile(filepath.Join(c.dir, "envbuild.yaml"), []byte(spec), 0o644); err != nil {
		b.Fatal(err)
	}
	c.must(b, "lock")
	return filepath.Join(c.must(b, "build"), "runtime", "bin", "perl")
}

// nextTextMicroTemplate puts a new version of one distribution into a copy of
// the sample and its mirror.
func nextTextMicroTemplate(b *testing.B, dir, version string) {
	b.Helper()
	script := `
cd mirror/cpan/authors/id/K/KA/KAZUHO
tar -xzf Text-MicroTemplate-0.24.tar.gz
mv Text-MicroTemplate-0.24 Text-MicroTemplate-$1
find Text-MicroTemplate-$1 -name '*.pm' -o -name 'META.*' | xargs sed -i "s/0\.24/$1/"
tar -czf Text-MicroTemplate-$1.tar.gz Text-MicroTemplate-$1
rm -r Text-MicroTemplate-$1
ln -s ../../../../../../cpan/authors/id/K/KA/KAZUHO/Text-MicroTemplate-$1.tar.gz "$OLDPWD/mirror/all/authors/id/K/KA/KAZUHO"
cd "$OLDPWD"
sed -i "/Text-MicroTemplate-0.24/,/^  [A-Z].*-/s/0\.24/$1/" cpanfile.snapshot
`
	cmd := exec.Command("sh", "-euc", script, "sh", version)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("change a distribution: %v\n%s", err, out)
	}
}

func command(c client, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

// timed runs a copy of the command and returns its wall time.
func timed(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	run := exec.Command(cmd.Path, cmd.Args[1:]...)
	run.Dir, run.Env = cmd.Dir, cmd.Env
	start := time.Now()
	out, err := run.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		b.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return took
}

// benchTable gathers durations by task and tool, in the order in which they come.
type benchTable struct {
	baseline string // the tool with which the others are compared
	rows     []*benchRow
}

type benchRow struct {
	task, tool string
	durations  []time.Duration
}

func newBenchTable(baseline string) *benchTable { return &benchTable{baseline: baseline} }

// row returns that of a task and a tool, which is new if there was none.
func (t *benchTable) row(task, tool string) *benchRow {
	i := slices.IndexFunc(t.rows, func(r *benchRow) bool { return r.task == task && r.tool == tool })
	if i >= 0 {
		return t.rows[i]
	}
	r := &benchRow{task: task, tool: tool}
	t.rows = append(t.rows, r)
	return r
}

func (t *benchTable) add(task, tool string, d time.Duration) {
	r := t.row(task, tool)
	r.durations = append(r.durations, d)
}

// median is that of the durations, in seconds.
func (r *benchRow) median() float64 {
	return medianOf(r.durations, func(d time.Duration) float64 { return d.Seconds() })
}

func medianOf[T any](values []T, number func(T) float64) float64 {
	var sorted []float64
	for _, v := range values {
		sorted = append(sorted, number(v))
	}
	slices.Sort(sorted)
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// print writes the table to standard output, and the medians as metrics. The
// ratio is the median of the rounds' own ratios, and beside it that of the best.
func (t *benchTable) print(b *testing.B) {
	fmt.Printf("\n%-17s  %-20s  %10s  %10s  %10s  %s\n", "TASK", "TOOL", "MEDIAN", "LEAST", "MOST", strings.ToUpper(t.baseline)+" / TOOL, OF THE BEST")
	for _, r := range t.rows {
		ratio := "-"
		if base := t.row(r.task, t.baseline); len(base.durations) == len(r.durations) {
			var ratios []float64
			for i, d := range r.durations {
				ratios = append(ratios, base.durations[i].Seconds()/d.Seconds())
			}
			best := slices.Min(base.durations).Seconds() / slices.Min(r.durations).Seconds()
			ratio = fmt.Sprintf("%.2f, %.2f", medianOf(ratios, func(f float64) float64 { return f }), best)
		}
		fmt.Printf("%-17s  %-20s  %9.4fs  %9.4fs  %9.4fs  %s\n", r.task, r.tool, r.median(),
			slices.Min(r.durations).Seconds(), slices.Max(r.durations).Seconds(), ratio)
		b.ReportMetric(r.median(), strings.ReplaceAll(r.task+"-"+r.tool, " ", "-")+"-s")
	}
}
