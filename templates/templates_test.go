package templates

import (
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	text, err := Render(EnvSh, map[string]string{"File": "/srv/config/env.rc"})
	if err != nil || !strings.Contains(string(text), "\n# "+Mark+"\n") {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := Render(EnvSh, map[string]string{}); err == nil {
		t.Error("a missing value is accepted")
	}
	if _, err := Render("absent.tmpl", nil); err == nil {
		t.Error("a missing template is accepted")
	}
}
