package pkgspec

import (
	"slices"
	"strings"
	"testing"
)

func TestSSHAddresses(t *testing.T) {
	for text, want := range map[string]SSHTarget{
		"host:/srv/apt":                   {Host: "host", Path: "/srv/apt"},
		"me@host:/srv/apt/":               {User: "me", Host: "host", Path: "/srv/apt"},
		"me@host:apt":                     {User: "me", Host: "host", Path: "apt"},
		"me@example.org@host:apt":         {User: "me@example.org", Host: "host", Path: "apt"},
		"[::1]:/srv":                      {Host: "::1", Path: "/srv"},
		"ssh://me@host/srv/apt":           {User: "me", Host: "host", Path: "/srv/apt"},
		"sftp://host:2222/srv/apt":        {Host: "host", Port: 2222, Path: "/srv/apt"},
		"ssh://me@[fe80::1]:2222/srv/apt": {User: "me", Host: "fe80::1", Port: 2222, Path: "/srv/apt"},
	} {
		got, p := parseSSHAddress(text)
		if p.message != "" || got != want {
			t.Errorf("%s is %+v, %s", text, got, p.message)
		}
		if again, p := parseSSHAddress(got.String()); p.message != "" || again != got {
			t.Errorf("%s is written %s, which is %+v, %s", text, got, again, p.message)
		}
	}
	for _, text := range []string{"", ":", "host", "host:", "host:/", "@host:/x", ":/x", "me@:/x", "host:..", "host:../x", "host:a/../b", "-o@host:/x", "ssh://host", "ssh://host:0/x", "ssh://host/x?y", "[::1:/x", "ssh://%zz/x"} {
		if got, p := parseSSHAddress(text); p.message == "" {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestMaskSecrets(t *testing.T) {
	for line, want := range map[string]string{
		"url: https://me:sesame@host/x":             "url: https://**********host/x",
		"ssh: me:sesame@host:/x":                    "ssh: **********host:/x",
		"url: https://host/x?token=sesame&a=b":      "url: https://host/x?token=******&a=b",
		"Authorization: Bearer sesame":              "Authorization: *************",
		"  'x-api-key': sesame":                     "  'x-api-key': ******",
		"maintainer: Ops Team <ops@example.org>":    "maintainer: Ops Team <ops@example.org>",
		"ssh: deploy@host:/srv/apt":                 "ssh: deploy@host:/srv/apt",
		"mirrors: [http://a:80/x, http://b/@scope]": "mirrors: [http://a:80/x, http://b/@scope]",
		"env: {A: b}":                               "env: {A: b}",
	} {
		if got := maskSecrets(line); got != want {
			t.Errorf("%s is shown as %s", line, got)
		}
	}
}

// FuzzPublish feeds values to every key of a target: none may crash, and no
// error may show what stands before an @.
func FuzzPublish(f *testing.F) {
	for _, s := range []string{"x", "http://me:sesame@x/", "me:sesame@host:/x", "https://x/${file}", "ssh://me@host:22/x", "a: b", "\"", "http://me:ses ame@x", "me:sesame@x/y"} {
		f.Add(s)
	}
	addresses := []string{"s3: {bucket: abc, endpoint: %}", "ssh: %", "aptly: {repo: a, url: %}", "http: {url: %}"}
	keys := append([]string{"dir: %", "s3: {bucket: %}", "http: {url: \"http://x\", headers: {A: %}}", "sign: {key: %}"}, addresses...)
	f.Fuzz(func(t *testing.T, value string) {
		quoted := strings.TrimSpace(string((&Node{Kind: String, Text: value}).YAML()))
		for _, k := range keys {
			text := minimal + "publish:\n  a:\n    " + strings.Replace(k, "%", quoted, 1) + "\n    distribution: y\n"
			s, err := Parse("envbuild.yaml", []byte(text), Perl())
			switch {
			case err == nil && len(s.Publish) != 1:
				t.Fatalf("%q gave %d targets", text, len(s.Publish))
			case err != nil && slices.Contains(addresses, k) && strings.Contains(value, "me:sesame@") && strings.Contains(err.Error(), "sesame"):
				t.Error(err)
			}
		}
	})
}
