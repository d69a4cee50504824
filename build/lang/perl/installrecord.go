package perl

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// installRecord renders the install.json that cpanm leaves of a distribution, as
// Carton and scanners of installed software read it.
func installRecord(pin *pkgspec.Pin) (string, error) {
	type provided struct {
		Version string `json:"version,omitempty"`
	}
	module := mainModule(pin)
	record := struct {
		Name     string              `json:"name"`
		Target   string              `json:"target"`
		Version  string              `json:"version"`
		Dist     string              `json:"dist"`
		Pathname string              `json:"pathname"`
		Provides map[string]provided `json:"provides"`
	}{module, module, pin.Version, distvname(pin), pin.Source().Path, map[string]provided{}}
	for _, m := range pin.Provides {
		p := provided{Version: m.Version}
		if m.Version == "undef" {
			p.Version = ""
		}
		record.Provides[m.Name] = p
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(record); err != nil {
		return "", err
	}
	return b.String(), nil
}

// mainModule is the module by which people install the distribution: the one of
// its name, or else the first of the shortest.
func mainModule(pin *pkgspec.Pin) string {
	named := strings.ReplaceAll(pin.Name, "-", "::")
	shortest := ""
	for _, m := range pin.Provides {
		if m.Name == named {
			return named
		}
		if shortest == "" || len(m.Name) < len(shortest) {
			shortest = m.Name
		}
	}
	if shortest == "" {
		return named
	}
	return shortest
}
