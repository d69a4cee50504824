package nspawntest

import (
	"io"
	"net/http"
	"testing"
)

// TestMachine boots a machine with a unit that answers over HTTP.
func TestMachine(t *testing.T) {
	root := Unpack(t)
	Write(t, root, "/etc/systemd/system/web.socket", "[Socket]\nListenStream=127.0.0.1:80\nAccept=yes\n[Install]\nWantedBy=sockets.target\n", 0o644)
	Write(t, root, "/etc/systemd/system/web@.service", "[Service]\nStandardInput=socket\nExecStart=/usr/local/bin/web\n", 0o644)
	Write(t, root, "/usr/local/bin/web", "#!/bin/sh\nwhile read -r line && [ \"${#line}\" -gt 1 ]; do :; done\nprintf 'HTTP/1.0 200 OK\\r\\n\\r\\n%s' \"$(hostname)\"\n", 0o755)
	Write(t, root, "/etc/hostname", "server\n", 0o644)
	m := Boot(t, root)
	if out, err := m.Try(t, "false"); err == nil {
		t.Errorf("false succeeds: %s", out)
	}
	m.Run(t, "systemctl", "start", "web.socket")
	if got := m.Wait(t, "systemctl", "is-active", "web.socket"); got != "active" {
		t.Errorf("the socket is %s", got)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "server" {
		t.Errorf("answered %q, %v", body, err)
	}
	if _, err := m.Dial(t.Context(), "tcp", "localhost:80"); err == nil {
		t.Error("a name is looked up outside")
	}
}
