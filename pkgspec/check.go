package pkgspec

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/envbuild/envbuild/internal/digest"
)

// The checks of scalars. Compiled expressions are made where a check is, so that
// the package holds no state; a spec has few of each.

// matches tells whether all of s matches the expression.
func matches(expr, s string) bool { return regexp.MustCompile(`\A(?:` + expr + `)\z`).MatchString(s) }

// expect returns a problem unless ok. want has its article: "a valid maintainer".
func expect(ok bool, s, want, hint string) problem {
	if ok {
		return problem{}
	}
	return problem{quote(s) + " is not " + want, hint}
}

// checkPackageName follows Debian policy §5.6.1.
func checkPackageName(s string) problem {
	return expect(matches(`[a-z0-9][a-z0-9+.-]+`, s), s, "a valid Debian package name",
		"use at least two characters, of lower-case letters, digits, +, - and ., and begin with a letter or a digit")
}

// checkVersion follows policy §5.6.12 for the upstream part. A hyphen is fine:
// envbuild always adds a revision. An epoch isn't part of it.
func checkVersion(s string) problem {
	return expect(matches(`[0-9][A-Za-z0-9.+~-]*`, s), s, "a valid package version",
		"begin with a digit, and use letters, digits and . + ~ -; leave out a leading v, and write an epoch as package.epoch")
}

// CheckVersion reports whether v can be the version of a package: for versions
// that don't come from the spec. The error has a Hint.
func CheckVersion(v string) error {
	if p := checkVersion(v); p.message != "" {
		return &VersionError{Version: v}
	}
	return nil
}

// VersionError is a version that no package can have.
type VersionError struct{ Version string }

// Error says so.
func (e *VersionError) Error() string { return checkVersion(e.Version).message }

// Hint says what a version is made of.
func (e *VersionError) Hint() string { return checkVersion(e.Version).hint }

func checkMaintainer(s string) problem {
	return expect(matches(`[^<>@\s][^<>@]* <[^<>@\s]+@[^<>@\s]+>`, s), s, "a valid maintainer",
		"write a name and an address: Ops Team <ops@example.org>")
}

func checkDescription(s string) problem {
	if strings.TrimSpace(s) == "" {
		return problem{message: "is empty"}
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
		return problem{message: "contains a control character"}
	}
	return problem{}
}

func checkConstraint(s string) problem {
	_, err := semver.NewConstraint(s)
	return expect(err == nil, s, "a valid semver constraint", `write "~5.36" for all of a series, ">=5.30 <5.40" for a range, "5.36.0" for one release`)
}

// maxPrefix is the length of the placeholder that a prefix replaces, which is
// also all the room there is for it where a binary holds it as a C string.
const maxPrefix = 64

// checkPrefix accepts a directory that a package may own entirely. It stands in
// shebangs, makefiles and unit files, none of which can quote, so it is made of
// characters that mean nothing to any of them.
func checkPrefix(s string) problem {
	if p := checkAbsolute(s); p.message != "" {
		return p
	}
	if !matches(`[A-Za-z0-9/._+-]+`, s) {
		return problem{quote(s) + " contains a character that doesn't work in shebangs and shell scripts", "use only letters, digits, / . _ + and -"}
	}
	if len(s) > maxPrefix {
		return problem{fmt.Sprintf("%s has %d characters; a prefix can have at most %d", quote(s), len(s), maxPrefix), "choose a shorter one"}
	}
	if !isOwnable(s) {
		return problem{quote(s) + " belongs to the system", "choose a directory below /opt, /srv, /home or /usr/local, such as /opt/some-application"}
	}
	return problem{}
}

// isOwnable reports whether a package can own the directory without owning what other
// packages or the machine's administrator put there. Policy §9.1.1 leaves /opt,
// /srv and directories outside the FHS to us; §9.1.2 forbids packages in /usr/local,
// where many shops nevertheless want them.
func isOwnable(prefix string) bool {
	parts := strings.Split(strings.TrimPrefix(prefix, "/"), "/")
	below := func(dirs ...string) bool {
		return len(parts) > len(dirs) && slices.Equal(parts[:len(dirs)], dirs)
	}
	switch top := parts[0]; {
	case top == "opt", top == "srv", top == "home":
		return len(parts) > 1
	case below("usr", "local"):
		shared := []string{"bin", "etc", "games", "include", "lib", "man", "sbin", "share", "src"}
		return len(parts) > 3 || !slices.Contains(shared, parts[2])
	case below("var", "www"), below("var", "opt"):
		return true
	default:
		system := []string{"bin", "boot", "dev", "etc", "lost+found", "media", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var"}
		return !slices.Contains(system, top) && !strings.HasPrefix(top, "lib")
	}
}

func checkAbsolute(s string) problem {
	if !path.IsAbs(s) {
		return problem{quote(s) + " is not an absolute path", ""}
	}
	if path.Clean(s) != s || s == "/" {
		return problem{quote(s) + " is not a clean directory path", "write it without //, . and .., and without a slash at the end"}
	}
	return problem{}
}

// checkInside accepts a path that stays below the spec's directory.
func checkInside(s string) problem {
	return expect(fs.ValidPath(s) && s != "." && !strings.Contains(s, `\`), s, "a path inside the project",
		"write it relative to the spec's directory, without . or ..")
}

func checkRelative(s string) problem {
	return expect(!path.IsAbs(s) && path.Clean(s) == s && s != ".", s, "a clean relative path",
		"write it relative to the spec's directory, without a leading ./")
}

// checkURL accepts an address that needs no secrets: the spec is committed.
func checkURL(s string) problem {
	u, err := url.Parse(s)
	const hint = "write an address such as https://example.org/file or file:///srv/file"
	switch {
	case err == nil && u.User != nil, userinfo().MatchString(s):
		// It isn't quoted, since that would print the password.
		return problem{"the address holds a user name or a password", "put them into ~/.netrc: the spec is committed"}
	case err != nil || strings.Contains(s, " "):
		return problem{quote(s) + " is not a valid address", hint}
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && path.IsAbs(u.Path):
		return problem{}
	}
	return expect((u.Scheme == "http" || u.Scheme == "https") && u.Host != "", s, "an http, https or file address", hint)
}

func checkMirror(s string) problem {
	if strings.Contains(s, ":") {
		return checkURL(s)
	}
	return expect(!path.IsAbs(s), s, "a valid mirror", "write the directory as file://"+s+", or relative to the spec's directory")
}

func checkSHA256(s string) problem {
	_, err := digest.Parse(s)
	return expect(err == nil, s, "a valid SHA-256", "it has 64 hexadecimal digits, as sha256sum prints them")
}

func canonicalSHA256(s string) string {
	d, err := digest.Parse(s)
	if err != nil {
		return s
	}
	return d.String()
}

// checkServerGlob accepts a pattern of absolute paths.
func checkServerGlob(s string) problem {
	inner, ok := strings.CutPrefix(s, "/")
	if p := checkGlob(inner); !ok || p.message != "" {
		return problem{quote(s) + " is not a valid pattern of absolute paths", `write it as it is on the server: "/opt/some-application/app/vendor/**"`}
	}
	return problem{}
}

func checkGlob(s string) problem {
	const hint = `write it relative to the spec's directory: lib, "*.psgi", "**/*.t"`
	if path.IsAbs(s) || strings.Contains(s, `\`) {
		return problem{quote(s) + " is not a pattern of paths inside the project", hint}
	}
	for _, element := range strings.Split(strings.TrimSuffix(s, "/"), "/") {
		_, err := path.Match(element, "")
		switch {
		case element == "" || element == "." || element == "..":
			return problem{quote(s) + " is not a pattern of paths inside the project", hint}
		case err != nil:
			return problem{quote(s) + " is not a valid pattern: a [ is not closed", hint}
		case element != "**" && strings.Contains(element, "**"):
			return problem{quote(s) + " is not a valid pattern: ** must stand alone between slashes", hint}
		}
	}
	return problem{}
}

func checkEnvName(s string) problem {
	return expect(matches(`[A-Za-z_][A-Za-z0-9_]*`, s), s, "a valid variable name", "use letters, digits and _, and don't begin with a digit")
}

func checkSpecEnvName(s string) problem {
	if s == ProjectBase {
		return problem{s + " is set by envbuild", "choose another name; app.base sets it for a package without the application"}
	}
	return checkEnvName(s)
}

// checkServiceName leaves room for the package's name in the 255 bytes that the
// name of a unit's file has.
func checkServiceName(s string) problem {
	return expect(matches(`[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`, s), s, "a valid service name",
		"use letters, digits, _, . and -, at most 64 of them, and begin with a letter or a digit")
}

// checkUser follows what adduser and systemd-sysusers accept.
func checkUser(s string) problem {
	return expect(matches(`[a-z_][a-z0-9_-]{0,30}`, s), s, "a valid user or group name",
		"use lower-case letters, digits, _ and -, at most 31 of them, and begin with a letter or _")
}

func checkWord(s string) problem {
	return expect(matches(`[A-Za-z0-9][A-Za-z0-9_.+~-]*`, s), s, "a single word of letters, digits and . _ + ~ -", "")
}

// checkRelation follows policy §7.1.
func checkRelation(s string) problem {
	const one = `[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?( ?\((<<|<=|=|>=|>>) ?[0-9][A-Za-z0-9.+~:-]*\))?`
	return expect(matches(one+`( ?\| ?`+one+`)*`, s), s, "a valid dependency on a Debian package", `write it as in a control file: nginx, "libc6 (>= 2.36)", "a | b"`)
}
