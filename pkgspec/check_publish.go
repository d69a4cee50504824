package pkgspec

import (
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// What is refused here is what could hold a secret: a spec is committed.
const secretHint = "take it out, since the spec is committed: envbuild publish reads secrets from the environment or from ~/.netrc"

// checkBaseURL accepts the address of a server: http or https, and no query.
func checkBaseURL(s string) problem {
	if p := checkWebURL(s); p.message != "" {
		return p
	}
	u, _ := url.Parse(s)
	return no(u.RawQuery == "" && u.Fragment == "", s, "address of a server", "write it without ? and #")
}

// checkTemplateURL accepts what a template of an address may look like.
func checkTemplateURL(s string) problem {
	if p := checkWebURL(s); p.message != "" {
		return p
	}
	u, _ := url.Parse(s)
	for name := range u.Query() {
		if p := checkSecretFree(name); p.message != "" {
			return problem{"holds the parameter " + quote(name) + ", which is a secret", secretHint}
		}
	}
	return no(u.Fragment == "", s, "address to send to", "write it without #")
}

// checkClientURL accepts where apt may find a repository.
func checkClientURL(s string) problem {
	if strings.HasPrefix(s, "file:/") {
		return checkURL("file://" + strings.TrimPrefix(strings.TrimPrefix(s, "file:"), "//"))
	}
	return checkBaseURL(s)
}

func checkArchitecture(s string) problem {
	return no(matches(`[a-z0-9][a-z0-9-]*`, s) && s != "all" && s != "any", s, "architecture of servers", "use Debian's names: amd64, arm64; packages for all are listed for each")
}

func checkWebURL(s string) problem {
	const hint = "write an address such as https://apt.example.org/path"
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil, userinfo().MatchString(s):
		// It isn't quoted, since that would print the password.
		return problem{"the address holds a user name or a password", secretHint}
	case err != nil, strings.ContainsAny(s, " \t\r\n"):
		return problem{quote(s) + " is no address", hint}
	}
	return no((u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "", s, "http or https address", hint)
}

// checkBucket follows Amazon's rules for names of buckets, without its list of
// reserved endings; other stores are as strict or stricter.
func checkBucket(s string) problem {
	return no(matches(`[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`, s) && !strings.Contains(s, ".."), s, "name of a bucket",
		"it has 3 to 63 lower-case letters, digits, hyphens and dots")
}

func checkKeyPrefix(s string) problem {
	return no(!path.IsAbs(s) && path.Clean(s) == s && s != "." && !strings.HasPrefix(s, "..") && matches(`[A-Za-z0-9/._+~-]+`, s), s,
		"folder of a bucket", "write it without a slash at either end, like this: debian/internal")
}

func checkAptlyName(s string) problem {
	return no(matches(`[A-Za-z0-9][A-Za-z0-9_.+-]*`, s), s, "name of a repository of aptly's", "")
}

func checkAptlyPrefix(s string) problem {
	const storage = `((s3|swift|azure|filesystem):[A-Za-z0-9_.-]+:)?`
	return no(matches(storage+`(\.|[A-Za-z0-9][A-Za-z0-9/_.+-]*)`, s) && path.Clean(s) == s, s, "prefix of a publication",
		"write it without a slash at either end; . is the top")
}

// checkHeaderToken accepts a token of RFC 9110.
func checkHeaderToken(s string) problem {
	return no(matches("[A-Za-z0-9!#$%&'*+.^_`|~-]+", s), s, "word of an HTTP header", "")
}

// checkHeaderName also refuses the headers that hold secrets, and those that the
// request itself decides.
func checkHeaderName(s string) problem {
	if p := checkHeaderToken(s); p.message != "" {
		return p
	}
	switch strings.ToLower(s) {
	case "host", "content-length", "transfer-encoding", "connection", "expect", "trailer":
		return problem{quote(s) + " is set by envbuild", "delete it"}
	}
	return checkSecretFree(s)
}

// checkSecretFree refuses a name that only a secret has.
func checkSecretFree(s string) problem {
	if p := checkFieldName(s); p.message != "" {
		return p
	}
	plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	for _, word := range strings.Split(secretWords, "|") {
		if strings.Contains(plain, word) {
			return problem{quote(s) + " holds a secret", "delete it and write auth: basic, bearer or {header: …}, which says where the secret goes"}
		}
	}
	return problem{}
}

// checkFieldName accepts a name that a form's part can have unescaped.
func checkFieldName(s string) problem {
	return no(s != "" && !strings.ContainsAny(s, "\"\\\r\n") && strings.TrimSpace(s) == s, s, "name of a field", "")
}

func checkHeaderValue(s string) problem {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return problem{message: "holds a line break or another control character"}
	}
	return problem{}
}

func checkHost(s string) problem {
	return no(net.ParseIP(s) != nil || matches(`[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?`, s), s, "name of a host", "")
}

func checkLogin(s string) problem {
	if strings.Contains(s, ":") {
		return problem{"a user name holds a colon: a password is no part of it", "log in with a key: ssh-agent or ~/.ssh has it"}
	}
	return no(matches(`[A-Za-z0-9_.][A-Za-z0-9_.$@\\-]*`, s), s, "user name", "")
}

// checkRemotePath accepts a folder, but not a login's own.
func checkRemotePath(s string) problem {
	return no(path.Clean(s) == s && s != "." && s != "/" && s != ".." && !strings.HasPrefix(s, "../") && !strings.HasPrefix(s, "~"), s,
		"folder on a host", "write an absolute path, or one relative to the login's folder, without ., .., ~ and a slash at the end")
}

func checkSSHAddress(s string) problem {
	_, p := parseSSHAddress(s)
	return p
}

// parseSSHAddress reads [user@]host:path, as scp takes it, and
// ssh://[user@]host[:port]/path.
func parseSSHAddress(s string) (SSHTarget, problem) {
	const hint = "write user@host:/srv/apt or ssh://user@host:22/srv/apt"
	if strings.HasPrefix(s, "ssh://") || strings.HasPrefix(s, "sftp://") {
		return parseSSHURL(s)
	}
	user, rest, ok := cutLast(s, "@")
	if !ok {
		user, rest = "", s
	}
	host, folder, ok := strings.Cut(rest, ":")
	if strings.HasPrefix(rest, "[") { // an IPv6 address
		host, folder, ok = strings.Cut(rest[1:], "]:")
	}
	if !ok || host == "" || strings.HasPrefix(s, "@") {
		return SSHTarget{}, problem{"an address of ssh has a host and a path", hint}
	}
	t := SSHTarget{User: user, Host: host, Path: strings.TrimSuffix(folder, "/")}
	return t, t.check()
}

func parseSSHURL(s string) (SSHTarget, problem) {
	const hint = "write ssh://user@host:22/srv/apt"
	u, err := url.Parse(s)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return SSHTarget{}, problem{"an address of ssh can't be read", hint}
	}
	t := SSHTarget{Host: u.Hostname(), Path: strings.TrimSuffix(u.Path, "/")}
	if u.User != nil {
		if _, secret := u.User.Password(); secret {
			return SSHTarget{}, problem{"an address of ssh holds a password", "log in with a key: ssh-agent or ~/.ssh has it"}
		}
		t.User = u.User.Username()
	}
	if p := u.Port(); p != "" {
		if t.Port, err = strconv.Atoi(p); err != nil || t.Port < 1 || t.Port > 65535 {
			return SSHTarget{}, no(false, p, "port", hint)
		}
	}
	return t, t.check()
}

func (s SSHTarget) check() problem {
	if s.User != "" {
		if p := checkLogin(s.User); p.message != "" {
			return p
		}
	}
	if p := checkHost(s.Host); p.message != "" {
		return p
	}
	return checkRemotePath(s.Path)
}

// format is the form that a person reads, and that parseSSHAddress reads back.
func (s SSHTarget) format() string {
	var b strings.Builder
	url := s.Port != 0 && path.IsAbs(s.Path)
	if url {
		b.WriteString("ssh://")
	}
	if s.User != "" {
		b.WriteString(s.User + "@")
	}
	if strings.Contains(s.Host, ":") {
		b.WriteString("[" + s.Host + "]")
	} else {
		b.WriteString(s.Host)
	}
	if url {
		b.WriteString(":" + strconv.Itoa(s.Port))
	} else {
		b.WriteString(":")
	}
	return b.String() + s.Path
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
