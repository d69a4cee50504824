package pkgspec

// This file declares the format of the spec, each key once: Parse, the hints of
// its errors and Schema are made of it.

func specShape() shape[Spec] {
	return object(
		key("name", text(checkPackageName), func(s *Spec, v string) { s.Name = v },
			"The package's name, by Debian's rules.", `name: web-some-application`).must(),
		key("version", versionShape(), func(s *Spec, v Version) { s.Version = v },
			"The application's version, or {git: describe}. deb --version overrides it.", `version: 1.4.0`),
		key("maintainer", text(checkMaintainer), func(s *Spec, v string) { s.Maintainer = v },
			"Who answers for the package.", `maintainer: Ops Team <ops@example.org>`),
		key("description", scalar(checkDescription, String), func(s *Spec, v string) { s.Description = v },
			"What the application is: a synopsis in the first line, then more.", `description: The web application of some project`),
		key("runtime", runtimeShape(), func(s *Spec, v Runtime) { s.Runtime = v },
			"The language, the releases that will do, and how it is built.", `runtime: {perl: "~5.36"}`).must(),
		key("dependencies", dependenciesShape(), func(s *Spec, v Dependencies) { s.Dependencies = v },
			"Where the dependencies come from, by ecosystem.", `dependencies: {cpan: {cpanfile: cpanfile}}`),
		key("app", optional(appShape()), func(s *Spec, v *App) { s.App = v },
			"The application, if it is to be shipped too.", `app: {files: [lib, script]}`),
		key("env", named(checkSpecEnvName, envVarShape(), setEnvName), func(s *Spec, v []EnvVar) { s.Env = v },
			"Variables, in order. ${NAME} refers to an earlier one; a list is a search path.", `env: {PLACK_PORT: "5555"}`),
		key("env_files", list(text(checkRelative)), func(s *Spec, v []string) { s.EnvFiles = v },
			"Files in the form of .env that exec reads and no package holds.", `env_files: [.env]`),
		key("services", named(checkServiceName, serviceShape(), func(s *Service, n string) { s.Name = n }),
			func(s *Spec, v []Service) { s.Services = v },
			"The application's processes, by name.", `services: {web: {run: [script/web]}}`),
		key("services_format", or(list(enum(Systemd, Upstart, Supervisord, Runit)), []ServiceFormat{Systemd}),
			func(s *Spec, v []ServiceFormat) { s.ServicesFormat = v },
			"The init systems for which units are written.", `services_format: [systemd]`),
		key("package", packageShape(), func(s *Spec, v Package) { s.Package = v },
			"What the package is like. Keys beyond these are nfpm's own.", `package: {depends: [nginx]}`),
		key("publish", named(checkWord, publishShape(), func(p *PublishTarget, n string) { p.Name = n }),
			func(s *Spec, v []PublishTarget) { s.Publish = v },
			"The apt repositories to which packages go, by name.", `publish: {internal: {dir: /srv/apt, distribution: bookworm}}`),
	)
}

func versionShape() shape[Version] {
	literal := word(checkVersion)
	git := object(key("git", enum(GitDescribe), func(v *Version, s string) { v.Git = s },
		"How git gives the version.", `version: {git: describe}`).must())
	return shape[Version]{
		schema: schema{OneOf: []schema{literal.schema, git.schema}},
		read: func(d *decoder, n *Node, at string) (Version, bool) {
			if n.Kind == Map {
				return git.read(d, n, at)
			}
			s, ok := literal.read(d, n, at)
			return Version{Literal: s}, ok
		},
	}
}

func runtimeShape() shape[Runtime] {
	language := func(name string, judge check, example string) field[Runtime] {
		return key(name, word(judge), func(r *Runtime, v string) { r.Language, r.Constraint = name, v },
			"The releases of "+name+" that will do, as a semver constraint.", example)
	}
	return then(object(
		language("perl", checkPerlConstraint, `perl: "~5.36"`),
		language("node", checkConstraint, `node: "^22"`),
		language("python", checkConstraint, `python: "~3.13"`),
		language("ruby", checkConstraint, `ruby: "~3.3"`),
		key("options", runtimeOptionsShape(), func(r *Runtime, v RuntimeOptions) { r.Options = v },
			"How it is built.", `options: {threads: true}`),
		key("as", or(enum(AsBundled, AsPackage), AsBundled), func(r *Runtime, v RuntimeAs) { r.As = v },
			"bundled puts it into the project's package; package makes it one that projects share.", `as: bundled`),
		key("strip", or(boolean(), true), func(r *Runtime, v bool) { r.Strip = v },
			"Whether compiled files, those of the dependencies too, are stripped of what only debuggers read.", `strip: false`),
		key("prefix", text(checkPrefix), func(r *Runtime, v string) { r.Prefix = v },
			"Where a runtime that is a package of its own is installed.", `prefix: /usr/local/perl/perl-5.36`),
		key("revision", or(integer(1, 99999), 1), func(r *Runtime, v int) { r.Revision = v },
			"The Debian revision of a runtime that is a package of its own.", `revision: 2`),
		key("maintainer", text(checkMaintainer), func(r *Runtime, v string) { r.Maintainer = v },
			"Who answers for a runtime that is a package of its own; by default who answers for the project.",
			`maintainer: Perl Team <perl@example.org>`),
	), judgeRuntime)
}

func runtimeOptionsShape() shape[RuntimeOptions] {
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

func dependenciesShape() shape[Dependencies] {
	other := func(name string) field[Dependencies] {
		return key(name, raw(""), func(d *Dependencies, n *Node) { d.Others = append(d.Others, Ecosystem{Name: name, Section: n}) },
			"Dependencies from "+name+"; held for a later version of envbuild.", name+": {}")
	}
	return object(
		key("cpan", optional(cpanShape()), func(d *Dependencies, v *CPAN) { d.CPAN = v },
			"Distributions of CPAN, for perl.", `cpan: {cpanfile: cpanfile}`),
		other("npm"), other("pypi"), other("gem"),
	)
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
			"Where distributions are looked for, in order: http, https or file addresses, or folders of the project.",
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

func appShape() shape[App] {
	return object(
		key("files", list(text(checkGlob)), func(a *App, v []string) { a.Files = v },
			"What is shipped: folders, files and patterns; ** is any number of folders.", `files: [lib, script, "*.psgi"]`),
		key("exclude", list(text(checkGlob)), func(a *App, v []string) { a.Exclude = v },
			"What of it is left out.", `exclude: ["**/*.t"]`),
		key("base", text(checkAbsolute), func(a *App, v string) { a.Base = v },
			"PROJECT_BASE on the server, in a package without the application.", `base: /srv/some-application`),
	)
}

func serviceShape() shape[Service] {
	return then(object(
		key("run", list(valueShape()), func(s *Service, v []Value) { s.Run = v },
			"The command and its arguments; no shell.", `run: [script/web]`).must(),
		key("listen", valueShape(), func(s *Service, v Value) { s.Listen = v },
			"The port, address or socket's path.", `listen: 5555`),
		key("hot", optional(hotShape()), func(s *Service, v *Hot) { s.Hot = v },
			"Keeps the socket open while generations change.", `hot: {interval: 10}`),
		key("user", text(checkUser), func(s *Service, v string) { s.User = v },
			"Whom it runs as: by default a system user named after the package. It is made if it isn't there.", `user: webapp`),
		key("group", text(checkUser), func(s *Service, v string) { s.Group = v },
			"Its group: by default the one of the user's name.", `group: webapp`),
		key("env", named(checkSpecEnvName, envVarShape(), setEnvName), func(s *Service, v []EnvVar) { s.Env = v },
			"Variables beyond those of the spec.", `env: {PLACK_ENV: production}`),
		key("restart", enum(RestartAlways, RestartOnFailure, RestartNo), func(s *Service, v Restart) { s.Restart = v },
			"When it is started again: by default always, and no for one with a schedule.", `restart: on-failure`),
		key("instances", or(integer(1, 1000), 1), func(s *Service, v int) { s.Instances = v },
			"How many of it run.", `instances: 2`),
		key("schedule", text(checkCalendar), func(s *Service, v string) { s.Schedule = v },
			"When it is started, as systemd's OnCalendar says it.", `schedule: daily`),
	), judgeService)
}

func hotShape() shape[Hot] {
	return object(
		key("interval", or(integer(1, 3600), 10), func(h *Hot, v int) { h.Interval = v },
			"For how many seconds a new generation must live before the old one is ended: longer than the application loads.", `interval: 10`),
		key("signal", or(enum("TERM", "QUIT", "INT", "USR1", "USR2"), "TERM"), func(h *Hot, v string) { h.Signal = v },
			"What ends the old generation gracefully: TERM for Starlet and Gazelle, QUIT for Starman.", `signal: QUIT`),
		key("restart_on_runtime", or(boolean(), false), func(h *Hot, v bool) { h.RestartOnRuntime = v },
			"Whether an upgrade with another runtime restarts the hot deployer too, which closes the socket for a moment.", `restart_on_runtime: true`),
	)
}

func packageShape() shape[Package] {
	return objectAnd(nfpmKeys(),
		key("prefix", text(checkPrefix), func(p *Package, v string) { p.Prefix = v },
			"The folder that the package owns; by default /opt/<name>.", `prefix: /opt/web-some-application`),
		key("revision", or(integer(1, 99999), 1), func(p *Package, v int) { p.Revision = v },
			"The Debian revision.", `revision: 1`),
		// 0, because that is what dpkg's users expect of a package: its files are
		// where dpkg -L says, and dpkg -V can check them. Several releases side by
		// side are for those who ask for them.
		key("releases", or(integer(0, 100), 0), func(p *Package, v int) { p.Releases = v },
			"How many releases stay on a server; 0 leaves the files in place.", `releases: 3`),
		key("depends", list(text(checkRelation)), func(p *Package, v []string) { p.Depends = v },
			"Debian packages beyond those that are found out.", `depends: [nginx]`),
		key("unchecked", list(text(checkServerGlob)), func(p *Package, v []string) { p.Unchecked = v },
			"Paths on the server, as patterns, that the health check passes over.", `unchecked: ["/opt/some-application/app/vendor/**"]`),
	)
}
