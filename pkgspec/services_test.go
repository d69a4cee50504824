package pkgspec

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestCalendar checks that what is accepted systemd accepts too, and that what
// people write is.
func TestCalendar(t *testing.T) {
	good := []string{
		"daily", "hourly", "weekly", "monthly", "yearly", "minutely", "quarterly", "semiannually", "annually", "daily UTC", "weekly Europe/Berlin",
		"03:30", "3:30:05", "*:0/15", "*:*:0/30", "*-*-01 00:00", "*-*-* 4:00", "Mon 09:00", "Mon..Fri 8..18/2:00", "sat,sun *-*-* 12:00:00",
		"Monday,wed..fri 2027-1..6-1,15 0,12:30 America/New_York", "*-02~01", "12-24 18:00", "Mon", "*-*-1..7/2",
	}
	bad := []string{
		"", " daily", "dayly", "Daily!", "24:00", "12:60", "0 3 * * *", "@daily", "Mon-Fri 8:00", "Fri..Mon", "*-13-01", "*-*-32", "*:0/0",
		"8..6:00", "Mon 8:00 9:00", "8:00 Mon", "tomorrow", "now", "8:00\n9:00", "$(id)", "8:00 CET", "Mars/Olympus", "*/*:00",
	}
	_, err := exec.LookPath("systemd-analyze")
	analyze := func(s string) bool { return exec.Command("systemd-analyze", "calendar", "--", s).Run() == nil }
	for _, s := range good {
		if p := checkCalendar(s); p.message != "" {
			t.Errorf("%q: %s", s, p.message)
		}
		if err == nil && !analyze(s) {
			t.Errorf("%q: systemd refuses it", s)
		}
	}
	for _, s := range bad {
		if p := checkCalendar(s); p.message == "" || p.hint == "" {
			t.Errorf("%q is accepted, or has no hint", s)
		}
	}
	skiptest.Without(t, "systemd-analyze")
	r := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"*", "0", "1", "5", "12", "31", "59", "2030", "..", "/", ",", "-", "~", ":", " ", "Mon", "sunday", "UTC", "daily"}
	for accepted := 0; accepted < 60; {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if s := b.String(); isCalendar(s) {
			accepted++
			if !analyze(s) {
				t.Errorf("%q is accepted, and systemd refuses it", s)
			}
		}
	}
}

func FuzzCalendar(f *testing.F) {
	f.Add("Mon..Fri *-*-1..7/2 8..18/2:00 Europe/Berlin")
	f.Fuzz(func(t *testing.T, s string) {
		if isCalendar(s) && strings.ContainsAny(s, "\n\x00\"'%\\$") {
			t.Errorf("%q is accepted", s)
		}
	})
}

func TestAddresses(t *testing.T) {
	for s, ok := range map[string]bool{
		"80": true, "127.0.0.1:5555": true, "[::1]:80": true, "localhost:1": true, "a.b-c.d:65535": true, "/run/x/socket": true, "/tmpx/s": true,
		"/tmp/x.sock": false, "/var/tmp/x/s": false, "": false, "0": false, "080": false, "65536": false, "-1": false, "a": false, ":80": false, "::1:80": false, "[1.2.3.4]:80": false,
		"1.2.3.4.5:80": false, "a_b:80": false, "/": false, "/run/": false, "x/y": false, "80 ": false, "1.2.3.4:": false,
	} {
		if p := checkAddress(s); (p.message == "") != ok {
			t.Errorf("%q: %q", s, p.message)
		}
	}
}

func TestServiceEnv(t *testing.T) {
	s := mustParse(t, minimal+`env: {PORT: "80", URL: "x:${PORT}", L: ["/a"]}
services:
  web: {run: [x], env: {PORT: "81", L: ["/b"], MORE: "${URL}"}, listen: "${URL}0"}
`)
	var got []string
	for _, v := range s.Services[0].Environment(s.Env) {
		got = append(got, v.Name+"="+v.Values[0].String())
	}
	if want := "PORT=81 URL=x:${PORT} L=/a L=/b MORE=${URL}"; strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
	if text, ok := s.Services[0].Listens(s.Env); text != "x:810" || !ok {
		t.Errorf("listens on %q, %v", text, ok)
	}
	if text, ok := (Service{}).Listens(s.Env); ok {
		t.Errorf("listens on %q", text)
	}
}

func TestDefaultUsers(t *testing.T) {
	for name, want := range map[string]string{"app": "app:app", "2fa.web+x": "_2fa-web-x:_2fa-web-x"} {
		s := mustParse(t, "name: "+name+"\nruntime: {perl: 5}\nservices: {a: {run: [x]}}\n")
		if got := s.Services[0].User + ":" + s.Services[0].Group; got != want {
			t.Errorf("%s runs as %s", name, got)
		}
	}
	s := mustParse(t, minimal+"services: {a: {run: [x], user: nobody}}\n")
	if s.Services[0].Group != "nogroup" {
		t.Errorf("nobody's group is %s", s.Services[0].Group)
	}
}
