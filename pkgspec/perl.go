package pkgspec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// Perl is the format of perl's sections: its options, and the ecosystem cpan.
func Perl() Language {
	return Language{
		Name: "perl", Ecosystems: []string{cpanName}, Example: "~5.36",
		constraint: checkPerlConstraint, options: perlOptionsShape,
		ecosystem: func(string) shape[any] { return anyOf(cpanShape()) },
		Check:     checkPerlSockets,
	}
}

// checkPerlSockets refuses paths of sockets that start_server of Server::Starter, which
// hot services run under, can't tell a generation.
func checkPerlSockets(s *Spec) error {
	var errs Errors
	for _, v := range s.Services {
		if address, ok := v.Listens(s.Env); ok && v.Hot != nil && strings.HasPrefix(address, "/") && strings.ContainsAny(address, ";=") {
			path := []string{"services", v.Name, "listen"}
			errs = append(errs, s.ErrorAt(strings.Join(path, ".")+": "+quote(address)+" contains ; or =, which start_server can't pass on",
				"choose another path", path...))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

const cpanName = "cpan"

// CPAN returns the section dependencies.cpan, or nil if the spec has none.
func (s *Spec) CPAN() *CPAN {
	if e := s.Ecosystem(cpanName); e != nil {
		c, _ := e.value.(*CPAN)
		return c
	}
	return nil
}

// CPANInput is the digest of what resolution reads of dependencies.cpan. It doesn't
// change with the spec's formatting, with the order of what has none, nor with the
// environment and Debian packages of single builds.
func (s *Spec) CPANInput() LockInput {
	h := digest.NewHasher("envbuild spec dependencies 1")
	if c := s.CPAN(); c != nil {
		h.Field("cpan", c.Cpanfile)
		h.Field("without", set(c.Without)...)
		h.Field("features", set(c.Features)...)
		h.Field("mirrors", c.Mirrors...)
		help := slices.SortedFunc(slices.Values(c.Build), func(a, b BuildHelp) int {
			return strings.Compare(a.Distribution, b.Distribution)
		})
		for _, b := range help {
			if len(b.Needs) > 0 {
				h.Field("needs", append([]string{b.Distribution}, set(b.Needs)...)...)
			}
		}
	}
	return SectionInput("dependencies."+cpanName, h.SHA256())
}

// Dependencies returns the dependencies of a spec that has this section only.
func (c *CPAN) Dependencies() []Ecosystem { return []Ecosystem{{Name: cpanName, value: c}} }

// CPAN says where perl's dependencies come from.
type CPAN struct {
	// Cpanfile is a clean path below the spec's directory; cpanfile.snapshot is
	// looked for beside it.
	Cpanfile string
	// Without are the phases that are left out.
	Without []string
	// Features are the cpanfile's features that are switched on.
	Features []string
	// Mirrors are base addresses in the order in which they are asked: http,
	// https or file addresses, or directories relative to the spec's.
	Mirrors []string
	// Build helps single distributions, in the order of the spec.
	Build []BuildHelp
}

// BuildHelp is what a distribution needs to be built beyond what it says itself.
type BuildHelp struct {
	// Distribution is its name: "DBD-mysql".
	Distribution string
	// Env holds variables of the build, in the order of the spec.
	Env []Literal
	// Apt names Debian packages whose headers and libraries it may use.
	Apt []string
	// Needs names modules or distributions that its metadata forgot.
	Needs []string
}

// Literal is a variable whose value holds no references.
type Literal struct{ Name, Value string }

func perlOptionsShape() shape[RuntimeOptions] {
	return then(object(
		key("configure", list(text()), func(o *RuntimeOptions, v []string) { o.Configure = v },
			"Arguments for its Configure, after envbuild's own.", `configure: [-Accflags=-DNDEBUG]`),
		key("patches", list(text(checkInside)), func(o *RuntimeOptions, v []string) { o.Patches = v },
			"Patches of the project, applied in order.", `patches: [patches/x.diff]`),
		key("threads", boolean(), func(o *RuntimeOptions, v bool) { o.Threads = v },
			"Whether it is built with threads.", `threads: true`),
		key("source", text(checkURL), func(o *RuntimeOptions, v string) { o.Source = v },
			"The address of an archive that envbuild doesn't know. It needs sha256.", `source: https://www.cpan.org/src/5.0/perl-5.36.3.tar.xz`),
		key("sha256", word(checkSHA256), func(o *RuntimeOptions, v string) { o.SHA256 = canonicalSHA256(v) },
			"The SHA-256 of the archive at source.", `sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`),
	), judgeSource)
}

func cpanShape() shape[CPAN] {
	return object(
		key("cpanfile", or(text(checkInside), "cpanfile"), func(c *CPAN, v string) { c.Cpanfile = v },
			"The file of requirements; cpanfile.snapshot is looked for beside it.", `cpanfile: cpanfile`),
		key("without", or(list(enum("develop", "test")), []string{"develop", "test"}), func(c *CPAN, v []string) { c.Without = v },
			"Phases that are left out.", `without: [develop, test]`),
		key("features", list(text()), func(c *CPAN, v []string) { c.Features = v },
			"Features of the cpanfile that are switched on.", `features: [sqlite]`),
		key("mirrors", list(text(checkMirror)), func(c *CPAN, v []string) { c.Mirrors = v },
			"Where distributions are looked for, in order: http, https or file addresses, or directories of the project.",
			`mirrors: [https://cpan.metacpan.org/]`),
		key("build", named(checkDistribution, buildHelpShape(), func(b *BuildHelp, n string) { b.Distribution = n }),
			func(c *CPAN, v []BuildHelp) { c.Build = v },
			"Help for single distributions, by their names.", `build: {DBD-mysql: {apt: [libmariadb-dev]}}`),
	)
}

func buildHelpShape() shape[BuildHelp] {
	return object(
		key("env", named(checkEnvName, literalShape(), func(l *Literal, n string) { l.Name = n }),
			func(b *BuildHelp, v []Literal) { b.Env = v },
			"Variables for its build; $$ is a dollar.", `env: {OPENSSL_PREFIX: /usr}`),
		key("apt", list(text(checkPackageName)), func(b *BuildHelp, v []string) { b.Apt = v },
			"Debian packages whose headers and libraries it uses.", `apt: [libmariadb-dev]`),
		key("needs", list(text(checkModule)), func(b *BuildHelp, v []string) { b.Needs = v },
			"Modules or distributions that it needs and doesn't say so.", `needs: [Devel::CheckLib]`),
	)
}

// checkPerlConstraint also refuses perl's decimal form of versions, which semver
// would take for another number.
func checkPerlConstraint(s string) problem {
	if m := regexp.MustCompile(`\b5\.0(\d\d)(\d{3})?\b`).FindStringSubmatch(s); m != nil {
		return problem{fmt.Sprintf("%s contains a version in perl's decimal form, %s", quote(s), m[0]),
			fmt.Sprintf("write 5.%s", strings.TrimPrefix(m[1], "0"))}
	}
	return checkConstraint(s)
}

func checkDistribution(s string) problem {
	hint := ""
	if strings.Contains(s, "::") {
		hint = "distributions are written with hyphens: " + strings.ReplaceAll(s, "::", "-")
	}
	return expect(matches(`[A-Za-z0-9_][A-Za-z0-9_.+-]*`, s), s, "a valid distribution name", hint)
}

func checkModule(s string) problem {
	return expect(matches(`[A-Za-z0-9_][A-Za-z0-9_.+-]*(::[A-Za-z0-9_]+)*`, s), s, "a valid name of a module or a distribution", "")
}
