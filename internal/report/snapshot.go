package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// ReadSnapshot reads a file that is a package or a lock, by its content.
func ReadSnapshot(file string, packages reader.Reader) (Snapshot, error) {
	f, err := os.Open(file)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	const archive = "!<arch>\n"
	head := make([]byte, len(archive))
	if _, err := io.ReadFull(f, head); err == nil && string(head) == archive {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return Snapshot{}, err
		}
		s, err := PackageSnapshot(f, packages)
		if err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
		return s, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Snapshot{}, err
	}
	lock, err := pkgspec.ParseLock(file, data)
	if err != nil {
		return Snapshot{}, err
	}
	return lockSnapshot(lock), nil
}

// lockSnapshot names what a lock pins by its ID, with the language where another one
// has the ID already.
func lockSnapshot(lock *pkgspec.Lock) Snapshot {
	s := Snapshot{Components: map[string]ComponentState{}, Fields: map[string]string{}}
	for _, ll := range lock.Languages {
		s.Components[ll.Language] = componentState(ll.Runtime.Version, ll.Runtime.Sources)
		for _, p := range ll.Distributions {
			name := p.ID
			if _, taken := s.Components[name]; taken {
				name = ll.Language + ":" + name
			}
			s.Components[name] = componentState(p.Version, p.Sources)
			if p.License != "" {
				s.Fields["licence of "+name] = p.License
			}
		}
	}
	return s
}

// componentState has the digests of all archives.
func componentState(version string, sources []pkgspec.SourcePin) ComponentState {
	sums := make([]string, len(sources))
	for i, src := range sources {
		sums[i] = src.SHA256.String()
	}
	return ComponentState{Version: version, SHA256: strings.Join(sums, " ")}
}

// PackageSnapshot reads a package's control file, scripts and files, and the
// components that its bill of materials names.
func PackageSnapshot(r io.Reader, packages reader.Reader) (Snapshot, error) {
	s := Snapshot{
		Components: map[string]ComponentState{}, Fields: map[string]string{},
		Scripts: map[string]string{}, Files: map[string]FileState{},
	}
	pkg, err := packages.Read(r, func(f reader.File, content io.Reader) error {
		state := FileState{Mode: f.Mode.String(), Owner: f.Owner + ":" + f.Group, Size: f.Size, Content: f.Target}
		if f.Mode.IsRegular() && !f.Hardlink {
			var text bytes.Buffer
			if IsSBOM(f.Path) {
				content = io.TeeReader(io.LimitReader(content, MaxSBOM), &text)
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
func addComponents(into map[string]ComponentState, text []byte) {
	var bom cdx.BOM
	if len(text) == 0 || cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom) != nil || bom.Components == nil {
		return
	}
	for _, c := range *bom.Components {
		state := ComponentState{Version: c.Version}
		if c.Hashes != nil && len(*c.Hashes) > 0 {
			state.SHA256 = (*c.Hashes)[0].Value
		}
		into[c.Name] = state
	}
}
