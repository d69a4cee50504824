package pkgspec

// This file declares the format of the spec, each key once: Parse, the hints of
// its errors and Schema are made of it.

func specShape(languages []Language) shape[Spec] {
	return object(
		key("name", text(checkPackageName), func(s *Spec, v string) { s.Name = v },
			"The package's name, by Debian's rules.", `name: web-some-application`).must(),
		key("version", versionShape(), func(s *Spec, v Version) { s.Version = v },
			"The application's version, or {git: describe}. deb --version overrides it.", `version: 1.4.0`),
		key("maintainer", text(checkMaintainer), func(s *Spec, v string) { s.Maintainer = v },
			"Who answers for the package.", `maintainer: Ops Team <ops@example.org>`),
		key("description", scalar(checkDescription, String), func(s *Spec, v string) { s.Description = v },
			"What the application is: a synopsis in the first line, then more.", `description: The web application of some project`),
		key("runtime", runtimeShape(languages), func(s *Spec, v []Runtime) { s.Runtimes = v },
			"The languages, the releases of each that will do, and how they are built.", runtimeExample(languages)).must(),
		key("dependencies", dependenciesShape(languages), func(s *Spec, v []Ecosystem) { s.Dependencies = v },
			"Where the dependencies come from, by ecosystem.", ecosystemExample(languages)),
		key("app", optional(appShape()), func(s *Spec, v *App) { s.App = v },
			"The application, if it is to be shipped too.", `app: {files: [lib, script]}`),
		key("env", named(checkSpecEnvName, envVarShape(), setEnvName), func(s *Spec, v []EnvVar) { s.Env = v },
			"Variables, in order. ${NAME} refers to an earlier one; a list is a search path.", `env: {PLACK_PORT: "5555"}`),
		key("env_files", list(text(checkRelative)), func(s *Spec, v []string) { s.EnvFiles = v },
			"Files in the form of .env that exec reads and no package holds.", `env_files: [.env]`),
		key("services", named(checkServiceName, serviceShape(), func(s *Service, n string) { s.Name = n }),
			func(s *Spec, v []Service) { s.Services = v },
			"The application's processes, by name.", `services: {web: {run: [script/web]}}`),
		key("services_format", or(list(enum(listServiceFormats()...)), []ServiceFormat{Systemd}),
			func(s *Spec, v []ServiceFormat) { s.ServicesFormat = v },
			"The service managers for which units are written.", `services_format: [systemd]`),
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

func appShape() shape[App] {
	return object(
		key("files", list(text(checkGlob)), func(a *App, v []string) { a.Files = v },
			"What is shipped: directories, files and patterns; ** is any number of directories.", `files: [lib, script, "*.psgi"]`),
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
			"The directory that the package owns; by default /opt/<name>.", `prefix: /opt/web-some-application`),
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
