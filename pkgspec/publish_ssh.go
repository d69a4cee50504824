package pkgspec

import (
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// SSHTarget is a repository's directory on another host, reached by SFTP.
type SSHTarget struct {
	// Host is a name, an address or an alias of ~/.ssh/config. User is empty and
	// Port 0 unless the spec gives them.
	Host, User string
	Port       int
	// Path is relative to the login's directory unless it is absolute.
	Path string
}

// String writes the target as an address.
func (s SSHTarget) String() string { return s.format() }

// Kind implements PublishPlace.
func (SSHTarget) Kind() string { return "ssh" }

func sshKind() publishKind {
	return publishKind{key: place("ssh", sshShape(),
		"A repository in a directory of another host.", `ssh: deploy@apt.example.org:/srv/apt`)}
}

func sshShape() shape[SSHTarget] {
	address := text(checkSSHAddress)
	fields := object(
		key("host", text(checkHost), func(s *SSHTarget, v string) { s.Host = v },
			"A name, an address or an alias of ~/.ssh/config.", `host: apt.example.org`).must(),
		key("user", text(checkLogin), func(s *SSHTarget, v string) { s.User = v }, "Whom to log in as.", `user: deploy`),
		key("port", integer(1, 65535), func(s *SSHTarget, v int) { s.Port = v }, "The port.", `port: 22`),
		key("path", text(checkRemotePath), func(s *SSHTarget, v string) { s.Path = v },
			"The directory there.", `path: /srv/apt`).must(),
	)
	return shape[SSHTarget]{
		schema: schema{OneOf: []schema{address.schema, fields.schema}},
		read: func(d *decoder, n *Node, at string) (SSHTarget, bool) {
			if n.Kind == Map {
				return fields.read(d, n, at)
			}
			s, ok := address.read(d, n, at)
			if !ok {
				return SSHTarget{}, false
			}
			t, _ := parseSSHAddress(s)
			return t, true
		},
	}
}

func checkHost(s string) problem {
	return expect(net.ParseIP(s) != nil || matches(`[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?`, s), s, "a valid host name", "")
}

func checkLogin(s string) problem {
	if strings.Contains(s, ":") {
		return problem{"the user name contains a colon; a password doesn't belong there", "log in with a key, from ssh-agent or ~/.ssh"}
	}
	return expect(matches(`[A-Za-z0-9_.][A-Za-z0-9_.$@\\-]*`, s), s, "a valid user name", "")
}

// checkRemotePath accepts a directory, but not a login's own.
func checkRemotePath(s string) problem {
	return expect(path.Clean(s) == s && s != "." && s != "/" && s != ".." && !strings.HasPrefix(s, "../") && !strings.HasPrefix(s, "~"), s,
		"a valid directory on a host", "write an absolute path, or one relative to the login directory, without ., .., ~ and a slash at the end")
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
	host, dir, ok := strings.Cut(rest, ":")
	if strings.HasPrefix(rest, "[") { // an IPv6 address
		host, dir, ok = strings.Cut(rest[1:], "]:")
	}
	if !ok || host == "" || strings.HasPrefix(s, "@") {
		return SSHTarget{}, problem{"an ssh address needs a host and a path", hint}
	}
	t := SSHTarget{User: user, Host: host, Path: strings.TrimSuffix(dir, "/")}
	return t, t.check()
}

func parseSSHURL(s string) (SSHTarget, problem) {
	const hint = "write ssh://user@host:22/srv/apt"
	u, err := url.Parse(s)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return SSHTarget{}, problem{"expected an ssh address", hint}
	}
	t := SSHTarget{Host: u.Hostname(), Path: strings.TrimSuffix(u.Path, "/")}
	if u.User != nil {
		if _, secret := u.User.Password(); secret {
			return SSHTarget{}, problem{"the ssh address contains a password", "log in with a key, from ssh-agent or ~/.ssh"}
		}
		t.User = u.User.Username()
	}
	if p := u.Port(); p != "" {
		if t.Port, err = strconv.Atoi(p); err != nil || t.Port < 1 || t.Port > 65535 {
			return SSHTarget{}, expect(false, p, "a valid port", hint)
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
