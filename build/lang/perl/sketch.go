package perl

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/envbuild/envbuild/build/lang"
)

// Sketch implements lang.Sketcher.
func (*Perl) Sketch(project fs.FS) (lang.Sketch, bool, error) {
	s := sketcher{project: project}
	found := s.exists("cpanfile") || s.exists(".perl-version") || s.matches("*.psgi") || s.matches("Makefile.PL") ||
		s.matches("Build.PL") || s.matches("dist.ini") || s.matches("lib/*.pm")
	if !found {
		return lang.Sketch{}, false, nil
	}
	var out lang.Sketch
	if s.exists("cpanfile") {
		out.Dependencies = "cpan"
	}
	var err error
	if out.Constraint, out.Because, err = s.constraint(); err != nil {
		return out, false, err
	}
	s.application(&out)
	return out, true, nil
}

// LooksFor implements lang.Sketcher.
func (*Perl) LooksFor() []string {
	return []string{"cpanfile", ".perl-version", "a *.psgi file", "lib/"}
}

type sketcher struct{ project fs.FS }

func (s sketcher) exists(name string) bool {
	_, err := fs.Stat(s.project, name)
	return err == nil
}

func (s sketcher) matches(pattern string) bool {
	found, err := fs.Glob(s.project, pattern)
	return err == nil && len(found) > 0
}

// read returns nothing for a file that isn't there.
func (s sketcher) read(name string) (string, error) {
	data, err := fs.ReadFile(s.project, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// constraint chooses the series of perl that a version manager's file names, or
// else the newest that the requirements allow.
func (s sketcher) constraint() (constraint, because string, err error) {
	for file, pattern := range map[string]string{
		".perl-version":  `^\s*(?:perl-)?v?(5\.\d+(?:\.\d+)?)\s*$`,
		".tool-versions": `(?m)^perl\s+v?(5\.\d+(?:\.\d+)?)\b`,
	} {
		text, err := s.read(file)
		if err != nil {
			return "", "", err
		}
		if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
			return "~" + m[1], file + " names it", nil
		}
	}
	wants, err := s.perlRequirements()
	if err != nil {
		return "", "", err
	}
	releases, err := parseCatalogue(releasesTable)
	if err != nil {
		return "", "", err
	}
	slices.SortStableFunc(releases, compareReleases)
	for _, r := range releases {
		v := looseVersion("v" + r.version.String())
		if r.version.Minor()%2 == 0 && !slices.ContainsFunc(wants, func(w requirement) bool { return !w.rng.allows(v) }) {
			because = "the newest series"
			if len(wants) > 0 {
				because += " that cpanfile and cpanfile.snapshot allow"
			}
			return series(r.version), because, nil
		}
	}
	return "", "", fmt.Errorf("no perl that envbuild knows meets the requirements of cpanfile and cpanfile.snapshot")
}

func series(v *semver.Version) string { return fmt.Sprintf("~%d.%d", v.Major(), v.Minor()) }

// perlRequirements are what cpanfile and the snapshot ask of perl itself. A
// cpanfile that is a program is left to lock, which can run it.
func (s sketcher) perlRequirements() ([]requirement, error) {
	var out []requirement
	text, err := s.read("cpanfile")
	if err != nil {
		return nil, err
	}
	if c, err := parseCpanfile("cpanfile", []byte(text)); text != "" && err == nil {
		for _, r := range c.selected([]string{"develop", "test"}, nil) {
			if r.module == "perl" {
				out = append(out, r.requirement)
			}
		}
	}
	if text, err = s.read("cpanfile.snapshot"); err != nil || text == "" {
		return out, err
	}
	dists, err := parseSnapshot("cpanfile.snapshot", []byte(text))
	if err != nil {
		return nil, err
	}
	for _, d := range dists {
		for _, r := range d.requirements {
			if r.module == "perl" {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// application finds what runs: scripts that are called as services are, or a PSGI
// file.
func (s sketcher) application(out *lang.Sketch) {
	out.Exclude = []string{"**/*.t"}
	if s.exists("lib") {
		out.Variables = append(out.Variables, lang.SketchVariable{Name: "PERL5LIB", Directories: []string{"${PROJECT_BASE}/lib"}})
	}
	for _, name := range []string{"web", "worker"} {
		for _, directory := range []string{"script", "bin"} {
			if p := path.Join(directory, name); s.exists(p) {
				out.Services = append(out.Services, lang.SketchService{Name: name, Run: []string{p}})
				break
			}
		}
	}
	psgi, _ := fs.Glob(s.project, "*.psgi") // the pattern is sound
	if len(psgi) > 0 {
		out.Files = []string{"*.psgi"}
	}
	isWeb := func(v lang.SketchService) bool { return v.Name == "web" }
	if len(psgi) == 0 || slices.ContainsFunc(out.Services, isWeb) {
		return
	}
	app := psgi[0]
	if slices.Contains(psgi, "app.psgi") {
		app = "app.psgi"
	}
	out.Variables = append(out.Variables, lang.SketchVariable{Name: "PLACK_PORT", Value: "5000"})
	web := lang.SketchService{Name: "web", Run: []string{"plackup", "--port", "${PLACK_PORT}", strings.TrimPrefix(app, "./")}}
	out.Services = append([]lang.SketchService{web}, out.Services...)
}
