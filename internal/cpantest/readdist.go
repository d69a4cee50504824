package cpantest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// distFile is the file of ReadDist that is not part of the distribution.
const distFile = "dist.json"

// ReadDist makes a Dist of a directory NAME-VERSION, for scripts that hold their
// distributions as files. A file dist.json in it is left out of the archive and
// may give "requires" and "configure_requires" (minimum versions by module) and
// "omit" (file names), as in Dist.
func ReadDist(dir string) (Dist, error) {
	base := filepath.Base(dir)
	i := strings.LastIndexByte(base, '-')
	if i <= 0 || i == len(base)-1 {
		return Dist{}, fmt.Errorf("%s: the directory's name is not NAME-VERSION", dir)
	}
	d := Dist{Name: base[:i], Version: base[i+1:], Files: map[string]string{}}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == distFile {
			return err
		}
		data, err := fs.ReadFile(root, name)
		d.Files[name] = string(data)
		return err
	})
	if err != nil {
		return Dist{}, fmt.Errorf("read distribution %s: %w", base, err)
	}
	data, err := fs.ReadFile(root, distFile)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return Dist{}, fmt.Errorf("read distribution %s: %w", base, err)
	}
	return d, d.describe(data)
}

// describe takes what dist.json says.
func (d *Dist) describe(data []byte) error {
	var desc struct {
		Requires          map[string]string `json:"requires"`
		ConfigureRequires map[string]string `json:"configure_requires"`
		Omit              []string          `json:"omit"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&desc); err != nil {
		return fmt.Errorf("%s/%s: %w", d.Release(), distFile, err)
	}
	d.Requires, d.ConfigureRequires, d.Omit = desc.Requires, desc.ConfigureRequires, desc.Omit
	return nil
}
