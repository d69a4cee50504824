package cpantest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// rolledMeta says what a binary package doesn't: how its authors describe the
// distribution. The keys are releases: "Starlet-0.31".
//
//go:embed rolled.json
var rolledMeta []byte

// recipe is an entry of rolled.json.
type recipe struct {
	Abstract string            `json:"abstract"`
	Requires map[string]string `json:"requires"`
}

func parseRecipes(text []byte) (map[string]recipe, error) {
	var m map[string]recipe
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("rolled.json: %w", err)
	}
	return m, nil
}

// roll makes a distribution of a binary package of pure perl.
func roll(release string, r recipe, deb []byte) (Dist, error) {
	i := strings.LastIndexByte(release, '-')
	if i < 0 {
		return Dist{}, fmt.Errorf("%q is not NAME-VERSION", release)
	}
	entries, err := debFiles(deb, func(p string) bool { _, ok := distPath(p); return ok })
	if err != nil {
		return Dist{}, fmt.Errorf("roll %s: %w", release, err)
	}
	d := Dist{
		Name: release[:i], Version: release[i+1:], Abstract: r.Abstract,
		Files: map[string]string{}, Requires: r.Requires, Time: time.Unix(0, 0),
	}
	for _, e := range entries {
		name, _ := distPath(e.Name)
		d.Files[name] = string(e.Body)
		if e.Time.After(d.Time) {
			d.Time = e.Time
		}
	}
	if len(d.Files) == 0 {
		return Dist{}, fmt.Errorf("roll %s: the package has no perl modules", release)
	}
	return d, nil
}

// distPath says where a file of a binary package was in the distribution.
func distPath(p string) (string, bool) {
	for from, to := range map[string]string{"usr/share/perl5/": "lib/", "usr/bin/": "bin/"} {
		if rest, ok := strings.CutPrefix(p, from); ok {
			return to + rest, true
		}
	}
	return "", false
}
