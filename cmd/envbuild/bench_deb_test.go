package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// debRounds is how often each package is made; medians are reported. What is
// compared runs in turn, so that a machine that gets slower meanwhile slows all.
const debRounds = 3

// BenchmarkDeb packages the sample, whose steps are built, by envbuild (cold: no
// part and no relocated tree is kept), by dpkg-deb from the same tree, and by
// nfpm's own packager; and an application of 1 GB.
func BenchmarkDeb(b *testing.B) {
	c := sample(b)
	c.env = append(c.env, "ENVBUILD_CACHE="+newCache(b))
	c.must(b, "build")
	for b.Loop() {
		table := newPackageTable(b)
		for round := range debRounds {
			benchRound(b, c, table, round)
		}
		table.add("1 GB", "envbuild", debCommand(b, gigabyte(b, c)))
		table.print(b)
	}
}

func benchRound(b *testing.B, c client, table *packageTable, round int) {
	forgetPackages(b, c)
	cold := debCommand(b, c)
	table.add("cold", "envbuild", cold)
	table.add("warm", "envbuild", debCommand(b, c))
	changeApplication(b, c)
	table.add("application changed", "envbuild", debCommand(b, c))
	other := sample(b)
	other.env = c.env
	nextTextMicroTemplate(b, other.dir, fmt.Sprintf("0.%d", 25+round))
	other.must(b, "lock")
	other.must(b, "build")
	table.add("distribution changed", "envbuild", debCommand(b, other))

	tree := filepath.Join(newDir(b), "tree")
	timed(b, exec.Command("dpkg-deb", "--raw-extract", cold.made(), tree))
	for _, z := range [][]string{{"-Zxz"}, {"-Zzstd", "-z19"}} {
		out := filepath.Join(newDir(b), "x.deb")
		argv := slices.Concat([]string{"dpkg-deb", "--root-owner-group"}, z, []string{"--build", tree, out})
		table.add("any", "dpkg-deb "+strings.Join(z, " "), packaging{exec.Command(argv[0], argv[1:]...), out})
	}
	table.add("any", "nfpm, xz in Go", debCommand(b, c, "--nfpm"))
}

// packaging is a command that leaves a package at out, or in it if it is a
// directory.
type packaging struct {
	cmd *exec.Cmd
	out string
}

func (p packaging) made() string {
	if found, _ := filepath.Glob(filepath.Join(p.out, "*.deb")); len(found) == 1 {
		return found[0]
	}
	return p.out
}

func debCommand(b *testing.B, c client, args ...string) packaging {
	b.Helper()
	out := newDir(b)
	return packaging{command(c, slices.Concat([]string{"envbuild", "deb", "-o", out}, args)...), out}
}

// forgetPackages drops what the cache keeps of packages, as gc would.
func forgetPackages(b *testing.B, c client) {
	b.Helper()
	script := `cd "$ENVBUILD_CACHE"; rm -rf parts; grep -l '"step":"view of' actions/*/* | xargs rm -f`
	timed(b, command(c, "sh", "-c", script))
}

func changeApplication(b *testing.B, c client) {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(c.dir, "app.psgi"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(f, "# %d\n", time.Now().UnixNano())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		b.Fatal(err)
	}
}

// gigabyte is the sample with an application of 1 GB in 2,000 files.
func gigabyte(b *testing.B, c client) client {
	b.Helper()
	large := sample(b)
	large.env = c.env
	const files, size = 2000, 1 << 29 / 1000
	for i := range files {
		line := strings.Repeat(fmt.Sprintf("%d ", i*7919), 1+i%97) + "\n"
		p := filepath.Join(large.dir, "public", "large", strconv.Itoa(i%50), strconv.Itoa(i))
		if err := errors.Join(
			os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, bytes.Repeat([]byte(line), size/len(line)), 0o644),
		); err != nil {
			b.Fatal(err)
		}
	}
	return large
}

// packageTable gathers what packages cost, by task and tool.
type packageTable struct {
	b    *testing.B
	rows []*packageRow
}

type packageRow struct {
	task, tool string
	costs      []cost
}

// cost is what one package took. largest is the peak of the largest process of
// the tree, as time -v tells; together is the most that all of them had at once,
// sampled, with what they share counted for each.
type cost struct {
	wall, cpu               time.Duration
	largest, together, size int64
}

func newPackageTable(b *testing.B) *packageTable { return &packageTable{b: b} }

// add runs the command.
func (t *packageTable) add(task, tool string, p packaging) {
	t.b.Helper()
	var out bytes.Buffer
	p.cmd.Stdout, p.cmd.Stderr = &out, &out
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.b.Fatal(err)
	}
	stop := sampleMemory(p.cmd.Process.Pid)
	err := p.cmd.Wait()
	c := cost{wall: time.Since(start), together: stop()}
	if err != nil {
		t.b.Fatalf("%q: %v\n%s", p.cmd.Args, err, &out)
	}
	state := p.cmd.ProcessState
	c.cpu = state.UserTime() + state.SystemTime()
	c.largest = state.SysUsage().(*syscall.Rusage).Maxrss << 10
	c.together = max(c.together, c.largest)
	fi, err := os.Stat(p.made())
	if err != nil {
		t.b.Fatal(err)
	}
	c.size = fi.Size()
	i := slices.IndexFunc(t.rows, func(r *packageRow) bool { return r.task == task && r.tool == tool })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &packageRow{task: task, tool: tool})
	}
	t.rows[i].costs = append(t.rows[i].costs, c)
}

func (r *packageRow) median(of func(cost) float64) float64 { return medianOf(r.costs, of) }

// print writes the table to standard output. The last two columns compare with
// dpkg-deb -Zxz.
func (t *packageTable) print(b *testing.B) {
	wall := func(c cost) float64 { return c.wall.Seconds() }
	size := func(c cost) float64 { return float64(c.size) / 1e6 }
	base := t.rows[slices.IndexFunc(t.rows, func(r *packageRow) bool { return r.tool == "dpkg-deb -Zxz" })]
	fmt.Printf("\n%-21s %-20s %9s %9s %11s %12s %9s %6s %6s\n",
		"TASK", "TOOL", "WALL s", "CPU s", "LARGEST MB", "TOGETHER MB", "SIZE MB", "WALL /", "SIZE /")
	for _, r := range t.rows {
		fmt.Printf("%-21s %-20s %9.2f %9.2f %11.0f %12.0f %9.3f %6.3f %6.3f\n", r.task, r.tool,
			r.median(wall), r.median(func(c cost) float64 { return c.cpu.Seconds() }),
			r.median(func(c cost) float64 { return float64(c.largest) / 1e6 }),
			r.median(func(c cost) float64 { return float64(c.together) / 1e6 }),
			r.median(size), r.median(wall)/base.median(wall), r.median(size)/base.median(size))
		b.ReportMetric(r.median(wall), strings.ReplaceAll(r.task+"-"+r.tool, " ", "-")+"-s")
	}
}

// sampleMemory looks every 50 ms at what a process and its descendants have
// resident. stop returns the most.
func sampleMemory(pid int) (stop func() int64) {
	done, result := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, residentOf(strconv.Itoa(pid)))
			case <-done:
				result <- most
				return
			}
		}
	}()
	return func() int64 {
		close(done)
		return <-result
	}
}

// residentOf is what a process and its descendants have resident, in bytes.
// Those that ended meanwhile have nothing.
func residentOf(pid string) int64 {
	var n int64
	if statm, err := os.ReadFile(filepath.Join("/proc", pid, "statm")); err == nil {
		if pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64); err == nil {
			n = pages * int64(os.Getpagesize())
		}
	}
	tasks, _ := filepath.Glob(filepath.Join("/proc", pid, "task", "*", "children"))
	for _, task := range tasks {
		children, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(children)) {
			n += residentOf(child)
		}
	}
	return n
}
