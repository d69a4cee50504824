package cpantest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/system"
)

// The directories that Maker.Make makes, each a mirror.
const (
	// CPAN has the archives that CPAN has too, byte for byte.
	CPAN = "cpan"
	// Private has those that had to be rolled again, under Author.
	Private = "private"
	// All has links to both, for tools that ask one mirror.
	All = "all"
)

// parallel is how many archives are brought at a time.
const parallel = 8

// Maker makes the mirrors of the sample application.
type Maker struct {
	// Client does the requests.
	Client *http.Client
	// Debian are the base addresses of the machine's apt mirrors, in the order in
	// which they are asked.
	Debian []string
	// Upstream is the base address of a CPAN mirror, asked last for what CPAN has;
	// empty for none.
	Upstream string
}

// NewMaker returns a Maker that asks the Debian mirrors in this machine's apt
// sources, then CPAN.
func NewMaker(client *http.Client) (*Maker, error) {
	debian, err := system.Open("/").AptMirrors()
	if err != nil {
		return nil, err
	}
	return &Maker{Client: client, Debian: debian, Upstream: "https://cpan.metacpan.org"}, nil
}

// Make fills the directory dir with the mirrors CPAN, Private and All and returns
// how many archives it brought. What is there with the right bytes stays, so a
// second call asks nobody. Several processes may make one directory at a time.
func (m *Maker) Make(ctx context.Context, dir string) (int, error) {
	rows, err := parseTable(sampleTable)
	if err != nil {
		return 0, err
	}
	recipes, err := parseRecipes(rolledMeta)
	if err != nil {
		return 0, err
	}
	return m.make(ctx, dir, rows, recipes)
}

func (m *Maker) make(ctx context.Context, dir string, rows []row, recipes map[string]recipe) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	made := make([]archive, len(rows))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, r := range rows {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			var err error
			if made[i], err = m.archive(ctx, dir, r, recipes[r.release()]); err != nil {
				cancel(fmt.Errorf("%s: %w", r.release(), err))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	brought := 0
	for _, a := range made {
		if a.brought {
			brought++
		}
	}
	return brought, writeMirrors(dir, made)
}

// archive is one archive in its place.
type archive struct {
	row     row
	modules []module
	// brought is set if it wasn't there.
	brought bool
}

// archive brings the archive of one row to its place, unless it is there.
func (m *Maker) archive(ctx context.Context, dir string, r row, rec recipe) (archive, error) {
	a := archive{row: r}
	file := filepath.Join(dir, r.Mirror, archivesPath, filepath.FromSlash(r.Path))
	data, err := os.ReadFile(file)
	if err != nil || digest.Sum(data) != r.SHA256 {
		if data, err = m.bring(ctx, r, rec); err != nil {
			return a, err
		}
		if err := put(file, data); err != nil {
			return a, err
		}
		a.brought = true
	}
	a.modules, err = archiveModules(r.Path, data)
	return a, err
}

// bring downloads an archive, or rolls it from a binary package.
func (m *Maker) bring(ctx context.Context, r row, rec recipe) ([]byte, error) {
	data, err := m.download(ctx, r)
	if err != nil || !r.rolled() {
		return data, err
	}
	d, err := roll(r.release(), rec, data)
	if err != nil {
		return nil, err
	}
	if data, err = d.Archive(); err != nil {
		return nil, err
	}
	if got := digest.Sum(data); got != r.SHA256 {
		return nil, fmt.Errorf("the archive rolled from %s has the SHA-256 %s, the table says %s", r.Pool, got, r.SHA256)
	}
	return data, nil
}

// writeMirrors writes the indexes, and the links of All.
func writeMirrors(dir string, made []archive) error {
	for _, name := range []string{CPAN, Private, All} {
		var own []archive
		for _, a := range made {
			if name == a.row.Mirror || name == All {
				own = append(own, a)
			}
		}
		if err := writeIndex(filepath.Join(dir, name), indexLines(own)); err != nil {
			return err
		}
	}
	for _, a := range made {
		if err := link(dir, a.row); err != nil {
			return err
		}
	}
	return nil
}

// link puts a relative link to an archive into All, so that a copy of dir works.
func link(dir string, r row) error {
	to := filepath.Join(dir, All, archivesPath, filepath.FromSlash(r.Path))
	target, err := filepath.Rel(filepath.Dir(to), filepath.Join(dir, r.Mirror, archivesPath, filepath.FromSlash(r.Path)))
	if err != nil {
		return err
	}
	if old, err := os.Readlink(to); err == nil && old == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(target, to); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// indexLines names each module once. Of several archives that have it the one
// that is named for it wins (Test::TCP is in Test-TCP), else the first by path.
func indexLines(archives []archive) []indexLine {
	archives = slices.Clone(archives)
	slices.SortFunc(archives, func(a, b archive) int { return cmp.Compare(a.row.Path, b.row.Path) })
	best := map[string]int{}
	lines := map[string]indexLine{}
	for _, a := range archives {
		for _, m := range a.modules {
			score := named(a.row.release(), m.Name)
			if old, ok := best[m.Name]; ok && score <= old {
				continue
			}
			best[m.Name] = score
			lines[m.Name] = indexLine{m.Name, m.Version, a.row.Path}
		}
	}
	var out []indexLine
	for _, l := range lines {
		out = append(out, l)
	}
	return out
}
