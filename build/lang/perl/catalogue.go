package perl

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// releasesTable lists archives of perl releases with checksums on which two
// sources agree: version, ending, SHA-256, where the checksum was read.
//
//go:embed releases.tsv
var releasesTable string

// release is one archive of a perl release.
type release struct {
	version *semver.Version
	ending  string // "tar.xz"
	sum     digest.SHA256
}

func (r release) file() string { return "perl-" + r.version.String() + "." + r.ending }

// RuntimeError says that no release fits the spec's constraint.
type RuntimeError struct {
	Constraint string
	// Newest are the newest known release of each series, newest first.
	Newest []string
}

// Error names the constraint.
func (e *RuntimeError) Error() string {
	return fmt.Sprintf("no known release of perl satisfies %q", e.Constraint)
}

// Hint lists what there is.
func (e *RuntimeError) Hint() string {
	return "known are " + strings.Join(e.Newest, ", ") +
		"; for any other give runtime.options.source and runtime.options.sha256 in the spec"
}

func parseCatalogue(table string) ([]release, error) {
	var out []release
	for n, line := range strings.Split(table, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) < 3 {
			return nil, fmt.Errorf("line %d of the catalogue has %d fields", n+1, len(fields))
		}
		v, err := semver.StrictNewVersion(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d of the catalogue: %w", n+1, err)
		}
		sum, err := digest.Parse(fields[2])
		if err != nil {
			return nil, fmt.Errorf("line %d of the catalogue: %w", n+1, err)
		}
		out = append(out, release{v, fields[1], sum})
	}
	return out, nil
}

// pinRuntime returns the newest release that the spec's constraint allows, or the
// archive that the spec names itself. Size is not known yet.
func pinRuntime(rt pkgspec.Runtime) (pkgspec.RuntimePin, error) {
	if rt.Options.Source != "" {
		return pinOwnRuntime(rt)
	}
	releases, err := parseCatalogue(releasesTable)
	if err != nil {
		return pkgspec.RuntimePin{}, err
	}
	c, err := semver.NewConstraint(rt.Constraint)
	if err != nil {
		return pkgspec.RuntimePin{}, fmt.Errorf("runtime.perl: constraint %q: %w", rt.Constraint, err)
	}
	_, err = semver.StrictNewVersion(strings.TrimSpace(strings.TrimPrefix(rt.Constraint, "=")))
	exact := err == nil
	slices.SortStableFunc(releases, compareReleases)
	for _, r := range releases {
		stable := r.version.Minor()%2 == 0
		if c.Check(r.version) && (stable || exact) {
			return pkgspec.RuntimePin{
				Version: r.version.String(),
				Sources: []pkgspec.SourcePin{{Path: r.file(), SHA256: r.sum}},
			}, nil
		}
	}
	return pkgspec.RuntimePin{}, &RuntimeError{rt.Constraint, newestOfSeries(releases)}
}

// compareReleases orders the newest first, and the archives of one release by
// preference: .tar.xz is what Debian's archive holds too, so there are more places to
// find it.
func compareReleases(a, b release) int {
	if c := b.version.Compare(a.version); c != 0 {
		return c
	}
	order := []string{"tar.xz", "tar.gz", "tar.bz2"}
	return slices.Index(order, a.ending) - slices.Index(order, b.ending)
}

func newestOfSeries(sorted []release) []string {
	var out []string
	var series uint64
	for _, r := range sorted {
		if minor := r.version.Minor(); len(out) == 0 || minor != series {
			series = minor
			out = append(out, r.version.String())
		}
	}
	return out
}

// pinOwnRuntime pins the archive of runtime.options.source. The version is read
// from its file name.
func pinOwnRuntime(rt pkgspec.Runtime) (pkgspec.RuntimePin, error) {
	file := path.Base(rt.Options.Source)
	stem, ok := cutArchiveSuffix(file)
	text, named := strings.CutPrefix(stem, "perl-")
	v, err := semver.StrictNewVersion(text)
	if !ok || !named || err != nil {
		return pkgspec.RuntimePin{}, fmt.Errorf("runtime.options.source: the file name %q doesn't say which release it is, as perl-5.40.1.tar.xz does", file)
	}
	c, err := semver.NewConstraint(rt.Constraint)
	if err != nil {
		return pkgspec.RuntimePin{}, fmt.Errorf("runtime.perl: constraint %q: %w", rt.Constraint, err)
	}
	if !c.Check(v) {
		return pkgspec.RuntimePin{}, fmt.Errorf("runtime.options.source is perl %s, which %q excludes", v, rt.Constraint)
	}
	sum, err := digest.Parse(rt.Options.SHA256)
	if err != nil {
		return pkgspec.RuntimePin{}, fmt.Errorf("runtime.options.sha256: %w", err)
	}
	return pkgspec.RuntimePin{
		Version: v.String(),
		Sources: []pkgspec.SourcePin{{Path: file, URL: rt.Options.Source, SHA256: sum}},
	}, nil
}

// RuntimeSource says where the pinned runtime's archive can be had: the spec's
// own address, CPAN, and Debian's archive, whose perl_*.orig.tar.xz are CPAN's
// bytes.
func RuntimeSource(lock *pkgspec.Lock) plan.Source {
	return runtimeSource(lock.Language(language).Runtime)
}

func runtimeSource(pin pkgspec.RuntimePin) plan.Source {
	s := plan.Source{
		Name: "perl-" + pin.Version, File: pin.Source().Path,
		SHA256: pin.Source().SHA256, Size: pin.Source().Size,
	}
	if pin.Source().URL != "" {
		s.URLs = []string{pin.Source().URL}
		return s
	}
	for _, base := range []string{"https://www.cpan.org/", "https://cpan.metacpan.org/"} {
		s.URLs = append(s.URLs, base+"src/5.0/"+pin.Source().Path)
	}
	if ending, ok := strings.CutPrefix(pin.Source().Path, "perl-"+pin.Version); ok {
		s.DebianPaths = []string{"pool/main/p/perl/perl_" + pin.Version + ".orig" + ending}
	}
	return s
}

// DistributionSource says where a pinned distribution's archive can be had: below
// authors/id of the mirrors, or at the spec's own address, and in Debian's
// archive, where most are kept under a name that can be guessed.
func DistributionSource(pin pkgspec.Pin, mirrors []string) plan.Source {
	s := plan.Source{
		Name: pin.Name, File: path.Base(pin.Source().Path),
		SHA256: pin.Source().SHA256, Size: pin.Source().Size,
	}
	if pin.Version != "" {
		s.Name += "-" + pin.Version
	}
	if pin.Source().URL != "" {
		s.URLs = []string{pin.Source().URL}
		return s
	}
	s.Path = authorsPath + pin.Source().Path
	s.Mirrors = slices.Clone(mirrors)
	s.DebianPaths = debianPaths(pin)
	return s
}

// authorsPath is where a mirror keeps its archives.
const authorsPath = "authors/id/"

// debianPaths guesses by the naming of Debian's perl policy: Foo-Bar is
// libfoo-bar-perl. What isn't there costs one request.
func debianPaths(pin pkgspec.Pin) []string {
	name, version := strings.ToLower(pin.Name), strings.TrimPrefix(pin.Version, "v")
	ending := ""
	for deb, ours := range map[string][]string{
		".tar.gz": {".tar.gz", ".tgz"}, ".tar.bz2": {".tar.bz2", ".tbz2"}, ".tar.xz": {".tar.xz", ".txz"},
	} {
		for _, suffix := range ours {
			if strings.HasSuffix(pin.Source().Path, suffix) {
				ending = deb
			}
		}
	}
	if ending == "" || version == "" {
		return nil
	}
	name = strings.ReplaceAll(name, "_", "-")
	if !strings.HasPrefix(name, "lib") {
		name = "lib" + name
	}
	if !strings.HasSuffix(name, "-perl") {
		name += "-perl"
	}
	return []string{fmt.Sprintf("pool/main/%s/%s/%s_%s.orig%s", name[:4], name, name, version, ending)}
}
