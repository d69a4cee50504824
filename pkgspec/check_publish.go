package pkgspec

import (
	"net/url"
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
	return expect(u.RawQuery == "" && u.Fragment == "", s, "the address of a server", "write it without ? and #")
}

// checkClientURL accepts where apt may find a repository.
func checkClientURL(s string) problem {
	if strings.HasPrefix(s, "file:/") {
		return checkURL("file://" + strings.TrimPrefix(strings.TrimPrefix(s, "file:"), "//"))
	}
	return checkBaseURL(s)
}

func checkArchitecture(s string) problem {
	return expect(matches(`[a-z0-9][a-z0-9-]*`, s) && s != "all" && s != "any", s, "a valid architecture of servers",
		"use Debian's names, such as amd64 and arm64; packages for all architectures are listed for each")
}

func checkWebURL(s string) problem {
	const hint = "write an address such as https://apt.example.org/path"
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil, userinfo().MatchString(s):
		// It isn't quoted, since that would print the password.
		return problem{"the address holds a user name or a password", secretHint}
	case err != nil, strings.ContainsAny(s, " \t\r\n"):
		return problem{quote(s) + " is not a valid address", hint}
	}
	return expect((u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "", s, "an http or https address", hint)
}

// checkSecretFree refuses a name that only a secret has.
func checkSecretFree(s string) problem {
	if p := checkFieldName(s); p.message != "" {
		return p
	}
	plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	for _, word := range strings.Split(secretWords, "|") {
		if strings.Contains(plain, word) {
			return problem{quote(s) + " contains a secret", "delete it and write auth: basic, bearer or {header: …}, which says where the secret goes"}
		}
	}
	return problem{}
}

// checkFieldName accepts a name that a form's part can have unescaped.
func checkFieldName(s string) problem {
	return expect(s != "" && !strings.ContainsAny(s, "\"\\\r\n") && strings.TrimSpace(s) == s, s, "a valid field name", "")
}
