package pkgspec

import "strings"

// badSpec is a spec with something wrong. Unless it is whole, it follows the
// minimal spec of two lines.
type badSpec struct {
	name, text string
	whole      bool
}

// badSpecs are what testdata/bad.golden has the errors of.
func badSpecs() []badSpec {
	return []badSpec{
		{name: "empty", text: "", whole: true},
		{name: "only comments", text: "# nothing\n", whole: true},
		{name: "only a marker", text: "---", whole: true},
		{name: "a scalar", text: "hello\n", whole: true},
		{name: "a list", text: "- name: app\n", whole: true},
		{name: "no runtime", text: "name: app\n", whole: true},
		{name: "unknown key, near", text: "dependancies: {}\n"},
		{name: "unknown key, far", text: "colour: red\n"},
		{name: "unknown nested key", text: "dependencies:\n  cpan:\n    cpanfle: x\n"},
		{name: "unknown key after umlauts", text: "app: {files: [\"äöü\"], fils: [x]}\n"},
		{name: "duplicate key", text: "version: 1\nversion: 2\n"},
		{name: "anchor", text: "version: &v 1\n"},
		{name: "alias", text: "app:\n  files: [*.psgi]\n"},
		{name: "merge key", text: "package:\n  <<: {section: web}\n"},
		{name: "tag", text: "version: !!str 1\n"},
		{name: "complex key", text: "? [a]\n: b\n"},
		{name: "null key", text: "~: b\n"},
		{name: "second document", text: "---\nname: other\n"},
		{name: "tab", text: "app:\n\tfiles: [x]\n"},
		{name: "wrong indentation", text: "version: 1\n  maintainer: x\n"},
		{name: "colon in a value", text: "description: web: the application\n"},
		{name: "unclosed quote", text: "description: \"web\n"},
		{name: "unclosed list", text: "env_files: [x\nversion: 1\n"},
		{name: "NUL", text: "env: {A: \"x\\0y\"}\n"},
		{name: "not UTF-8", text: "description: caf\xe9\n"},
		{name: "merge conflict", text: "<<<<<<< HEAD\nversion: 1\n=======\nversion: 2\n>>>>>>> theirs\n"},
		{name: "nested too deeply", text: "env_files: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000)},
		{name: "unquoted reference in a list", text: "services:\n  web: {run: [x, ${PORT}]}\n"},
		{name: "too big", text: "# " + strings.Repeat("x", maxSpecBytes), whole: true},
		{name: "several at once", text: "name: My App\nruntime: {perl: latest, as: shared}\nversion: v1\nenv: {1A: x}\n", whole: true},

		{name: "name is a number", text: "name: 42\nruntime: {perl: 5}\n", whole: true},
		{name: "version", text: "version: 1:2.0\n"},
		{name: "version is a list", text: "version: [1]\n"},
		{name: "version from svn", text: "version: {svn: info}\n"},
		{name: "version from git", text: "version: {git: tag}\n"},
		{name: "unchecked is relative", text: "package: {unchecked: [vendor]}\n"},
		{name: "unchecked with a bad pattern", text: "package: {unchecked: [\"/opt/x[\", /opt//x]}\n"},
		{name: "maintainer", text: "maintainer: ops@example.org\n"},
		{name: "description", text: "description: \"  \"\n"},

		{name: "unquoted constraint", text: "name: app\nruntime:\n  perl: >=5.30 <5.40\n", whole: true},
		{name: "perl's decimal version", text: "name: app\nruntime: {perl: \">=5.030\"}\n", whole: true},
		{name: "no language", text: "name: app\nruntime: {as: bundled}\n", whole: true},
		{name: "two languages", text: "name: app\nruntime: {perl: 5, node: 22}\n", whole: true},
		{name: "runtime is a string", text: "name: app\nruntime: perl\n", whole: true},
		{name: "source without sha256", text: "name: app\nruntime: {perl: 5.36.0, options: {source: https://x.org/p.tar.xz}}\n", whole: true},
		{name: "sha256 without source", text: "name: app\nruntime:\n  perl: 5\n  options:\n    sha256: " + strings.Repeat("0", 64) + "\n", whole: true},
		{name: "source with a range", text: "name: app\nruntime:\n  perl: \"~5.36\"\n  options: {source: https://x.org/p, sha256: " + strings.Repeat("0", 64) + "}\n", whole: true},
		{name: "sha256", text: "name: app\nruntime: {perl: 5, options: {sha256: abc}}\n", whole: true},
		{name: "options", text: "name: app\nruntime: {perl: 5, options: {threads: maybe, patches: [../x, /y], configure: -Dx}}\n", whole: true},
		{name: "runtime prefix of a bundled runtime", text: "name: app\nruntime: {perl: 5, prefix: /opt/perl}\n", whole: true},
		{name: "revision of a bundled runtime", text: "name: app\nruntime: {perl: 5, revision: 2, maintainer: A <a@example.org>}\n", whole: true},
		{name: "runtime inside the project", text: "name: app\nruntime: {perl: 5, as: package, prefix: /opt/app/perl}\n", whole: true},

		{name: "cpan", text: "dependencies:\n  cpan:\n    without: [tests]\n    cpanfile: /etc/cpanfile\n    features: sqlite\n"},
		{name: "mirrors", text: "dependencies:\n  cpan:\n    mirrors: [\"ftp://x.org/\", /srv/cpan, https://user:secret@x.org/, \"http://\", \"http://a b/\"]\n"},
		{name: "build help", text: "dependencies:\n  cpan:\n    build:\n      DBD::mysql: {}\n      Moo: {env: {A-B: x, C: \"${D}\", E: \"a$b\"}, apt: [Lib], needs: [\"a b\"], jobs: 2}\n"},
		{name: "ecosystem", text: "dependencies: {rubygems: {}}\n"},

		{name: "app", text: "app:\n  files: [/etc, ../x, \"a[b\", \"**.t\", \"a//b\", \"\"]\n  exclude: x\n  base: srv/x\n"},

		{name: "env", text: "env:\n  A B: x\n  C:\n  D: {x: y}\n  PROJECT_BASE: /x\n"},
		{name: "references", text: "env:\n  A: ${B}\n  B: pa$word\n  C: ${B:-x}\n  D: ${B\n  E: $B\n"},
		{name: "unknown reference", text: "env:\n  PLACK_PORT: 1\n  URL: http://x:${PLACK_PROT}/\n  T: ${TMPDIR}\n  LATER: ${LAST}\n  LAST: x\n  SELF: [\"${SELF}/x\"]\n"},
		{name: "search path", text: "env:\n  P: [\"\", \"a:b\", [c]]\n"},
		{name: "env is a list", text: "env: [A=x]\n"},
		{name: "env files", text: "env_files: [/etc/env, ./x]\n"},

		{name: "services", text: "services:\n  we b: {run: [x]}\n  a: {}\n  b: {run: []}\n  c: {run: [\"\"]}\n  d: script/web\n"},
		{name: "service", text: "services:\n  web:\n    run: [\"${NOPE}\"]\n    user: Web App\n    restart: sometimes\n    instances: 0\n    hot: {interval: soon}\n    schedule: \"\"\n"},
		{name: "service references", text: "services:\n  web:\n    run: [x, \"${NOPE}\"]\n    listen: ${PORT}\n    env: {A: \"${B}\"}\n"},
		{name: "contradictions", text: "services:\n  a: {run: [x], hot: {}}\n  b: {run: [x], schedule: daily, instances: 2, listen: 80, restart: always}\n"},
		{name: "hot", text: "services:\n  a: {run: [x], listen: 80, hot: {signal: HUP, intervall: 3}}\n  b: {run: [x], listen: 81, hot: {}, instances: 2}\n"},
		{name: "schedules", text: "services:\n  a: {run: [x], schedule: 0 3 * * *}\n  b: {run: [x], schedule: \"25:00\"}\n  c: {run: [x], schedule: hourly, hot: {}}\n  d: {run: [x], schedule: \"\"}\n"},
		{name: "schedule without timers", text: "services: {a: {run: [x], schedule: daily}}\nservices_format: [runit, supervisord]\n"},
		{name: "listen", text: "env: {P: none}\nservices:\n  a: {run: [x], listen: \"${P}\"}\n  b: {run: [x], listen: 65536}\n  c: {run: [x], listen: \"[::1:80\"}\n  d: {run: [x], listen: /run/../x}\n  e: {run: [x], listen: \"/" + strings.Repeat("x", 107) + "\"}\n  f: {run: [x], listen: \"1.2.3:80\"}\n"},
		{name: "one port", text: "env: {P: \"80\"}\nservices:\n  a: {run: [x], listen: \"${P}\", instances: 2}\n  b: {run: [x], listen: 80}\n  c: {run: [x], listen: \"90${SERVICE_INSTANCE}\", instances: 2}\n"},
		{name: "clashes", text: "services:\n  a: {run: [x], instances: 3}\n  a-2: {run: [x]}\n  b: {run: [x], listen: 80, hot: {}}\n  b.generation: {run: [x]}\n  b.rc: {run: [x]}\n"},
		{name: "user", text: "services:\n  a: {run: [x], user: webApp, group: " + strings.Repeat("x", 32) + "}\n"},
		{name: "default user", text: "name: " + strings.Repeat("x", 40) + "\nruntime: {perl: 5}\nservices: {a: {run: [x]}}\n", whole: true},
		{name: "formats", text: "services_format: [launchd]\n"},

		{name: "prefix of the system", text: "package: {prefix: /usr/lib/app}\n"},
		{name: "prefix /opt", text: "package: {prefix: /opt}\n"},
		{name: "prefix with a blank", text: "package: {prefix: \"/opt/my app\"}\n"},
		{name: "prefix not clean", text: "package: {prefix: /opt/app/}\n"},
		{name: "prefix not absolute", text: "package: {prefix: opt/app}\n"},
		{name: "prefix too long", text: "package: {prefix: /opt/" + strings.Repeat("x", 60) + "}\n"},
		{name: "default prefix too long", text: "name: " + strings.Repeat("x", 60) + "\nruntime: {perl: 5}\n", whole: true},
		{name: "package", text: "package:\n  revision: 0\n  releases: -1\n  depends: [Nginx, \"x (> 1)\"]\n  sektion: web\n  version: 2\n  mtime: x\n"},

		{name: "publish", text: "publish:\n  internal: {sign: {}}\n  \"a b\": {dir: x, distribution: y}\n"},
		{name: "publish to two kinds", text: "publish:\n  a: {dir: x, distribution: y, s3: {bucket: abc}}\n  b: {dir: x}\n"},
		{name: "publish and sign", text: "publish:\n  a: {dir: x, distribution: y, sign: []}\n  b: {dir: x, distribution: y, sign: {key: k, gpg: g}}\n  c: {dir: x, distribution: y, sign: [{command: []}]}\n  d: {http: {url: \"http://x/\"}, sign: {gpg: a}}\n"},
		{name: "publish and create", text: "publish:\n  a: {dir: x, distribution: y, create: {}}\n  b: {http: {url: \"http://x/\"}, create: {}}\n  c: {dir: x, distribution: y, sign: {gpg: g}, create: {key: true, architectures: [all]}}\n  d: {dir: x, distribution: y, sign: {gpg: g}, create: {key: true}}\n"},
		{name: "publish to s3", text: "publish:\n  a: {s3: {bucket: A_B, prefix: /x/, endpoint: \"s3.example.org\", secret_key: abcdef}, distribution: y}\n"},
		{name: "publish to s3, key in the address", text: "publish:\n  a: {s3: {bucket: abc, endpoint: \"https://AKIA:sesame@s3.example.org\"}, distribution: y}\n"},
		{name: "publish by ssh", text: "publish:\n  a: {ssh: host, distribution: y}\n  b: {ssh: \"me:sesame@host:/x\", distribution: y}\n  c: {ssh: \"ssh://me:sesame@host/x\", distribution: y}\n  d: {ssh: \"host:~/x\", distribution: y}\n  e: {ssh: {host: \"-oProxyCommand=x\", path: /}, distribution: y}\n  f: {ssh: \"ssh://host:99999/x\", distribution: y}\n"},
		{name: "publish to aptly", text: "publish:\n  a: {aptly: {url: \"https://a:sesame@x/\"}, distribution: y}\n  b: {aptly: {url: \"https://x/\", repo: a/b, prefix: /x}, distribution: y}\n  c: {aptly: {url: \"https://x/\", repo: a}, distribution: y, component: main, sign: {key: x.asc}}\n  d: {aptly: {url: \"https://x/\", repo: a, unsigned: true}, distribution: y, sign: {gpg: x}}\n"},
		{name: "publish by http", text: "publish:\n  a: {http: {url: \"ftp://x/\"}}\n  b: {http: {url: \"http://x/${flie}\"}}\n  c: {http: {url: \"http://x/${distribution}\"}}\n  d: {http: {method: PATCH, url: \"http://x/$y\"}}\n  e: {http: {url: \"http://x/\", auth: digest}}\n"},
		{name: "publish by http with secrets", text: "publish:\n  a: {http: {url: \"http://me:sesame@x/\"}}\n  b: {http: {url: \"http://x/?api_token=sesame\"}}\n  c:\n    http:\n      url: http://x/\n      headers:\n        Authorization: Bearer sesame\n        X-JFrog-Art-Api: sesame\n        Content-Length: 1\n        \"a b\": c\n      form: {file: package, fields: {password: sesame}}\n"},
	}
}
