package netrc

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	n, err := parse(`# a comment with password in it
machine Orepan.Local login ops password a#b account x
machine orepan.local login second
machine quoted
	login "o p\"s"
	password "\t\\x" # trailing comment
macdef init
	cd /pub
	machine evil login x

machine last password p login l
default login anonymous password me@
`)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]Login{
		"orepan.local": {"ops", "a#b"}, "OREPAN.local": {"ops", "a#b"}, "quoted": {`o p"s`, "\t\\x"}, "last": {"l", "p"},
		"evil": {"anonymous", "me@"},
	} {
		if got, ok := n.Find(host, true); !ok || got != want {
			t.Errorf("%s: %q, %v", host, got, ok)
		}
	}
	if got, ok := n.Find("evil", false); ok {
		t.Errorf("the default entry was used: %v", got)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"login x":                    "1: login stands before any machine",
		"\nmachine":                  "2: machine needs a value",
		"machine a\nlogin":           "2: login needs a value",
		"machine a\n\npass word":     "3: expected machine",
		"machine a password \"x":     "1: a quoted word has no end",
		"machine a password \"x\n\"": "1: a quoted word ends on its line",
	} {
		if _, err := parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("machine a login b password c\ndefault login d")
	f.Add("machine a # x\nlogin \"b\\n\"\nmacdef x\ny\n\nmachine z")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parse(text)
		if (n == nil) == (err == nil) {
			t.Errorf("%v, %v", n, err)
		}
	})
}
