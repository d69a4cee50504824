package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what changed between two packages or two locks",
		ArgsUsage: "A B",
		Action: func(c *cli.Context) error {
			g, err := p.globalsOf(c)
			if err != nil {
				return err
			}
			if c.NArg() != 2 {
				return &usageError{message: "diff takes two packages or two locks", hint: "envbuild diff old.deb new.deb"}
			}
			var sides [2]report.Snapshot
			for i, name := range c.Args().Slice() {
				if sides[i], err = readSnapshot(p.abs(name)); err != nil {
					return err
				}
			}
			changes := report.Diff(sides[0], sides[1])
			if g.json {
				return p.printJSON(map[string][]report.Change{"changes": changes})
			}
			return p.printChanges(changes)
		},
	}
}

// tableRows is about how many lines of changes are shown; --json has all.
const tableRows = 60

func (p *program) printChanges(changes []report.Change) error {
	if len(changes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAME\tA\tB")
	for _, c := range report.Fold(changes, tableRows) {
		old, is := c.Old, c.New
		if old == "" {
			old = "-"
		}
		if is == "" {
			is = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Kind, oneLine(c.Name), oneLine(old), oneLine(is))
	}
	return w.Flush()
}

// oneLine makes a cell of a table of what a file says.
func oneLine(s string) string {
	return string(bytes.Join(bytes.Fields([]byte(s)), []byte(" ")))
}

// readSnapshot reads a package or a lock, by its content.
func readSnapshot(file string) (report.Snapshot, error) {
	f, err := os.Open(file)
	if err != nil {
		return report.Snapshot{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	const archive = "!<arch>\n"
	head := make([]byte, len(archive))
	if _, err := io.ReadFull(f, head); err == nil && string(head) == archive {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return report.Snapshot{}, err
		}
		s, err := packageSnapshot(f)
		if err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
		return s, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return report.Snapshot{}, err
	}
	lock, err := pkgspec.ParseLock(file, data)
	if err != nil {
		return report.Snapshot{}, err
	}
	return lockSnapshot(lock), nil
}

func lockSnapshot(lock *pkgspec.Lock) report.Snapshot {
	s := report.Snapshot{Components: map[string]report.ComponentState{}, Fields: map[string]string{}}
	s.Components[lock.Runtime.Language] = report.ComponentState{Version: lock.Runtime.Version, SHA256: lock.Runtime.Source.SHA256.String()}
	for _, p := range lock.Distributions {
		s.Components[p.Name] = report.ComponentState{Version: p.Version, SHA256: p.Source.SHA256.String()}
		if p.License != "" {
			s.Fields["licence of "+p.Name] = p.License
		}
	}
	return s
}

// packageSnapshot reads a package's control file, scripts and files, and the
// components that its bill of materials names.
func packageSnapshot(r io.Reader) (report.Snapshot, error) {
	s := report.Snapshot{
		Components: map[string]report.ComponentState{}, Fields: map[string]string{},
		Scripts: map[string]string{}, Files: map[string]report.FileState{},
	}
	pkg, err := reader.Read(r, func(f reader.File, content io.Reader) error {
		state := report.FileState{Mode: f.Mode.String(), Owner: f.Owner + ":" + f.Group, Size: f.Size, Content: f.Target}
		if f.Mode.IsRegular() && !f.Hardlink {
			var text bytes.Buffer
			if report.IsSBOM(f.Path) {
				content = io.TeeReader(io.LimitReader(content, maxSBOM), &text)
			}
			sum, _, err := digest.SumReader(content)
			if err != nil {
				return err
			}
			state.Content = sum.String()
			addComponents(s.Components, text.Bytes())
		}
		s.Files[f.Path] = state
		return nil
	})
	if err != nil {
		return s, err
	}
	for _, f := range pkg.Fields {
		s.Fields[f.Name] = f.Value
	}
	for name, text := range pkg.Members {
		if name != "md5sums" { // the files say it
			s.Scripts[name] = string(text)
		}
	}
	return s, nil
}

// addComponents reads a bill of materials; one that isn't ours may say anything.
func addComponents(into map[string]report.ComponentState, text []byte) {
	var bom cdx.BOM
	if len(text) == 0 || cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom) != nil || bom.Components == nil {
		return
	}
	for _, c := range *bom.Components {
		state := report.ComponentState{Version: c.Version}
		if c.Hashes != nil && len(*c.Hashes) > 0 {
			state.SHA256 = (*c.Hashes)[0].Value
		}
		into[c.Name] = state
	}
}
