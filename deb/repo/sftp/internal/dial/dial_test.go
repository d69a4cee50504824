package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/envbuild/envbuild/internal/servertest"
)

// place is a home folder with an environment.
type place struct {
	home string
	env  map[string]string
}

func newPlace(t *testing.T, files map[string]string) place {
	t.Helper()
	p := place{home: t.TempDir(), env: map[string]string{}}
	p.env["HOME"], p.env["USER"] = p.home, "nobody"
	for name, content := range files {
		p.write(t, name, content)
	}
	return p
}

func (p place) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(p.home, ".ssh", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p place) getenv(name string) string { return p.env[name] }

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dialed connects, and closes at once what it got.
func dialed(t *testing.T, opts Options) (address string, err error) {
	t.Helper()
	c, address, err := Dial(t.Context(), opts)
	if err == nil {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	return address, err
}

func TestDial(t *testing.T) {
	server := servertest.StartSSHD(t, "AllowTcpForwarding yes")
	key, known := read(t, server.Home, ".ssh", "id_ed25519"), read(t, server.Home, ".ssh", "known_hosts")
	direct := func(p place) Options {
		return Options{Host: server.Host, Port: server.Port, User: server.User, Getenv: p.getenv, Variables: "ENVBUILD_PUBLISH_X"}
	}
	t.Run("default key", func(t *testing.T) {
		address, err := dialed(t, direct(newPlace(t, map[string]string{"id_ed25519": key, "known_hosts": known})))
		if want := fmt.Sprintf("ssh://%s@127.0.0.1:%d", server.User, server.Port); err != nil || address != want {
			t.Errorf("%s, %v", address, err)
		}
	})
	t.Run("key file", func(t *testing.T) {
		p := newPlace(t, map[string]string{"other/deploy": key, "known_hosts": known})
		p.env["ENVBUILD_PUBLISH_X_KEY_FILE"] = "~/.ssh/other/deploy"
		if _, err := dialed(t, direct(p)); err != nil {
			t.Error(err)
		}
	})
	t.Run("agent", func(t *testing.T) {
		p := newPlace(t, map[string]string{"known_hosts": known})
		p.env["SSH_AUTH_SOCK"] = serveAgent(t, key)
		if _, err := dialed(t, direct(p)); err != nil {
			t.Error(err)
		}
	})
	t.Run("config", func(t *testing.T) {
		p := newPlace(t, map[string]string{"deploy_key": key, "hosts": known, "config": fmt.Sprintf(
			"Host apt\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentityFile %%d/.ssh/deploy_key\n  IdentitiesOnly yes\n  UserKnownHostsFile ~/.ssh/hosts\nHost *\n  User other\n", server.Port, server.User)})
		address, err := dialed(t, Options{Host: "apt", Getenv: p.getenv})
		if want := fmt.Sprintf("ssh://%s@apt:%d", server.User, server.Port); err != nil || address != want {
			t.Errorf("%s, %v", address, err)
		}
	})
	t.Run("jump", func(t *testing.T) {
		p := newPlace(t, map[string]string{"id_ed25519": key, "known_hosts": known, "config": fmt.Sprintf(
			"Host inner\n  HostName 127.0.0.1\n  Port %[1]d\n  User %[2]s\n  ProxyJump %[2]s@127.0.0.1:%[1]d\n", server.Port, server.User)})
		if _, err := dialed(t, Options{Host: "inner", Getenv: p.getenv}); err != nil {
			t.Error(err)
		}
	})
	t.Run("circle", func(t *testing.T) {
		p := newPlace(t, map[string]string{"config": "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n"})
		_, err := dialed(t, Options{Host: "a", Getenv: p.getenv})
		want(t, err, "over too many hosts", "")
	})
	t.Run("command", func(t *testing.T) {
		p := newPlace(t, map[string]string{"id_ed25519": key, "known_hosts": known, "config": fmt.Sprintf(
			"Host inner\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  ProxyCommand sh -c 'test %%h:%%p:%%r = 127.0.0.1:%[1]d:%[2]s && exec %[3]s'\n", server.Port, server.User, server.Command)})
		if _, err := dialed(t, Options{Host: "inner", Getenv: p.getenv}); err != nil {
			t.Error(err)
		}
	})
	t.Run("config with Match", func(t *testing.T) {
		p := newPlace(t, map[string]string{"id_ed25519": key, "known_hosts": known, "config": "Match host x\n  User y\n"})
		opts, said := direct(p), ""
		opts.Notice = func(m string) { said += m }
		if _, err := dialed(t, opts); err != nil || !strings.Contains(said, ".ssh/config is left out") {
			t.Errorf("%v, said %q", err, said)
		}
	})
	t.Run("unknown host", func(t *testing.T) {
		_, err := dialed(t, direct(newPlace(t, map[string]string{"id_ed25519": key})))
		want(t, err, "known_hosts doesn't have it; it shows the key ssh-ed25519 "+ssh.FingerprintSHA256(server.HostKey), "connect to it once with ssh")
	})
	t.Run("another host", func(t *testing.T) {
		_, other := servertest.NewSSHKey(t, "")
		line := fmt.Sprintf("[127.0.0.1]:%d %s", server.Port, ssh.MarshalAuthorizedKey(other))
		_, err := dialed(t, direct(newPlace(t, map[string]string{"id_ed25519": key, "known_hosts": line})))
		want(t, err, "its key is another one than known_hosts has", fmt.Sprintf("ssh-keygen -R [127.0.0.1]:%d", server.Port))
	})
	t.Run("no key", func(t *testing.T) {
		_, err := dialed(t, direct(newPlace(t, map[string]string{"known_hosts": known})))
		want(t, err, server.User+" isn't let in by anything, since there is no key", "ENVBUILD_PUBLISH_X_KEY_FILE")
	})
	t.Run("wrong key", func(t *testing.T) {
		other, _ := servertest.NewSSHKey(t, "")
		p := newPlace(t, map[string]string{"id_ed25519": string(other), "known_hosts": known})
		_, err := dialed(t, direct(p))
		want(t, err, server.User+" isn't let in by "+p.home+"/.ssh/id_ed25519", "that the host knows")
	})
	t.Run("broken key", func(t *testing.T) {
		p := newPlace(t, map[string]string{"id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\ns3same\n", "known_hosts": known})
		_, err := dialed(t, direct(p))
		want(t, err, "isn't let in", "can't be read")
	})
	t.Run("nobody there", func(t *testing.T) {
		opts := direct(newPlace(t, nil))
		opts.Port = 1
		_, err := dialed(t, opts)
		want(t, err, "connection refused", "`ssh "+server.User+"@127.0.0.1` should work")
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := Dial(ctx, direct(newPlace(t, nil))); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// want checks an error, and that it has a hint.
func want(t *testing.T, err error, message, hint string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), message) || !strings.Contains(e.Hint(), hint) {
		t.Errorf("%v, want %s, and the hint %s", err, message, hint)
		return
	}
	if said := err.Error() + e.Hint(); strings.Contains(said, "s3same") {
		t.Errorf("it holds a secret: %s", said)
	}
}

// TestPassphrase has a key that is locked.
func TestPassphrase(t *testing.T) {
	server := servertest.StartSSHD(t)
	locked, _ := servertest.NewSSHKey(t, "s3same")
	known := read(t, server.Home, ".ssh", "known_hosts")
	p := newPlace(t, map[string]string{"id_ed25519": string(locked), "known_hosts": known})
	opts := Options{Host: server.Host, Port: server.Port, User: server.User, Getenv: p.getenv, Variables: "ENVBUILD_PUBLISH_X"}
	_, err := dialed(t, opts)
	want(t, err, "isn't let in", "needs its passphrase")
	p.env["ENVBUILD_PUBLISH_X_PASSPHRASE"] = "s3same"
	_, err = dialed(t, opts) // opened, and not the right one
	want(t, err, "isn't let in by "+p.home+"/.ssh/id_ed25519", "that the host knows")
	p.env["ENVBUILD_PUBLISH_X_PASSPHRASE"] = "s3same too"
	_, err = dialed(t, opts)
	want(t, err, "isn't let in", "or not with that passphrase")
}

// TestPassword has a host that takes nothing else.
func TestPassword(t *testing.T) {
	private, public := servertest.NewSSHKey(t, "")
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*ssh.ServerConfig{
		"password": {PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, judge(string(password))
		}},
		"keyboard": {KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errors.New("no answer")
			}
			return nil, judge(answers[0])
		}},
	} {
		config.AddHostKey(signer)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					if _, channels, requests, err := ssh.NewServerConn(conn, config); err == nil {
						go ssh.DiscardRequests(requests)
						for c := range channels {
							_ = c.Reject(ssh.Prohibited, "")
						}
					}
				}()
			}
		}()
		port := l.Addr().(*net.TCPAddr).Port
		p := newPlace(t, map[string]string{"known_hosts": fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(public))})
		opts := Options{Host: "127.0.0.1", Port: port, User: "deploy", Getenv: p.getenv, Variables: "ENVBUILD_PUBLISH_X"}
		p.env["ENVBUILD_PUBLISH_X_PASSWORD"] = "s3same"
		if _, err := dialed(t, opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.env["ENVBUILD_PUBLISH_X_PASSWORD"] = "not s3same"
		_, err = dialed(t, opts)
		want(t, err, "deploy isn't let in by the password of ENVBUILD_PUBLISH_X_PASSWORD", "")
	}
}

func judge(password string) error {
	if password != "s3same" {
		return errors.New("no")
	}
	return nil
}

func TestJumps(t *testing.T) {
	c := &config{getenv: func(string) string { return "" }}
	for text, want := range map[string]string{
		"gate": "root@gate:22", "me@gate": "me@gate:22", "me@gate:2222": "me@gate:2222", "ssh://me@gate:2222": "me@gate:2222",
		"[::1]:22": "root@[::1]:22", "me@[fe80::1]:2222": "me@[fe80::1]:2222", "fe80::1": "root@[fe80::1]:22",
	} {
		h := c.jump(text)
		if got := h.user + "@" + h.address(); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("Host a b*\n  HostName x\n  Port 1\nHost *\n IdentityFile ~/%h\n", "a")
	f.Add("Match all\n User x\nInclude y", "b")
	f.Add("ProxyJump a:b@[::1]:x,,\"", "c")
	f.Fuzz(func(t *testing.T, text, name string) {
		parsed, err := decode([]byte(strings.ReplaceAll(text, "nclude", "")))
		if err != nil {
			return
		}
		c := &config{getenv: func(string) string { return "" }}
		c.files = append(c.files, parsed)
		h := c.host(name)
		for _, j := range h.jumps {
			c.jump(j)
		}
		if h.user == "" {
			t.Errorf("no user in %+v", h)
		}
	})
}
