package client

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPlainText(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for body, want := range map[string]string{
		"": "", "no\r\n\tplace": "no place", "\x1b[31mred\x07": "[31mred", "caf\xe9": "caf", strings.Repeat("ä", 500): strings.Repeat("ä", 300) + "…",
	} {
		if got := plainText(Answer{Body: []byte(body)}); got != want {
			t.Errorf("%q is shown as %q", body, got)
		}
	}
	page := "<html><head><style>p {}</style><title>401</title></head>\n<body><p>Who are <b>you</b>?</p><script>x()</script></body>"
	if got := plainText(Answer{Header: html, Body: []byte(page)}); got != "401 Who are you ?" {
		t.Errorf("a page is shown as %q", got)
	}
}

func TestRedactURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://a:b@host/x?sig=y#z": "https://host/x?…", "/x": "/x", "http://host/%zz": "an address that can't be read",
	} {
		if got := redactURL(text); got != want {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

// FuzzAnswer feeds answers of hostile servers: what is shown of them is short,
// on one line, and holds no secret.
func FuzzAnswer(f *testing.F) {
	f.Add("<html>s3same", "text/html", "https://s3same@x/", "7")
	f.Add("{\"a\": \"s3same\"}\x1b", "application/json", "", "Wed, 21 Oct 2015 07:28:00 GMT")
	f.Add("s3<b>same", "text/html", "//s3same", "-1")
	f.Add("x", "", "D:DD0\x80", "")
	f.Fuzz(func(t *testing.T, body, kind, location, after string) {
		c := New(Options{Auth: TokenAuth("X-Token", "", "s3same", "here")})
		for _, code := range []int{301, 401, 503} {
			err := c.statusError(Answer{Status: code, Body: []byte(body), Header: http.Header{
				"Content-Type": {kind}, "Location": {location}, "Retry-After": {after},
			}})
			said := err.Error()
			if strings.Contains(said, "s3same") || strings.ContainsFunc(said, unicode.IsControl) || !utf8.ValidString(said) {
				t.Errorf("%q", said)
			}
			if n := utf8.RuneCountInString(said); n > 400+3*len(location) {
				t.Errorf("%d characters", n)
			}
		}
	})
}
