package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/envbuild/envbuild/internal/servertest"
)

// listenUnix listens at a socket, whose path has to be short.
func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// accept serves each connection, until the test ends.
func accept(t *testing.T, l net.Listener, serve func(net.Conn)) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
}

// ring holds one key.
func ring(t *testing.T, key string) agent.Agent {
	t.Helper()
	raw, err := ssh.ParseRawPrivateKey([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	r := agent.NewKeyring()
	if err := r.Add(agent.AddedKey{PrivateKey: raw}); err != nil {
		t.Fatal(err)
	}
	return r
}

// serveAgent is an ssh-agent with one key.
func serveAgent(t *testing.T, key string) (socket string) {
	t.Helper()
	l, r := listenUnix(t), ring(t, key)
	accept(t, l, func(conn net.Conn) { _ = agent.ServeAgent(r, conn) })
	return l.Addr().String()
}

// unsigning is an agent that gives its keys, and doesn't sign.
type unsigning struct {
	agent.Agent
	silence func()
}

func (u unsigning) Sign(ssh.PublicKey, []byte) (*ssh.Signature, error) {
	u.silence()
	return nil, errors.New("never")
}

// TestSilence has agents and a host that don't answer. An interruption, and a
// deadline, end the waiting for them.
func TestSilence(t *testing.T) {
	server := servertest.StartSSHD(t)
	key, known := read(t, server.Home, ".ssh", "id_ed25519"), read(t, server.Home, ".ssh", "known_hosts")
	for name, silent := range map[string]func(t *testing.T, p place, opts *Options, silence func()){
		"agent": func(t *testing.T, p place, _ *Options, silence func()) {
			l := listenUnix(t)
			accept(t, l, func(conn net.Conn) {
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
				silence()
			})
			p.env["SSH_AUTH_SOCK"] = l.Addr().String()
		},
		"agent's signature": func(t *testing.T, p place, _ *Options, silence func()) {
			l, r := listenUnix(t), ring(t, key)
			accept(t, l, func(conn net.Conn) { _ = agent.ServeAgent(unsigning{r, silence}, conn) })
			p.env["SSH_AUTH_SOCK"] = l.Addr().String()
		},
		"host": func(t *testing.T, p place, opts *Options, silence func()) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			accept(t, l, func(net.Conn) { silence() })
			opts.Port = l.Addr().(*net.TCPAddr).Port
			p.write(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", opts.Port, ssh.MarshalAuthorizedKey(server.HostKey)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, map[string]string{"known_hosts": known})
			opts := Options{Host: server.Host, Port: server.Port, User: server.User, Getenv: p.getenv}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			defer close(done)
			silent(t, p, &opts, func() { cancel(); <-done })
			var e *Error
			if _, _, err := Dial(ctx, opts); !errors.Is(err, context.Canceled) || !errors.As(err, &e) {
				t.Errorf("interrupted: %v", err)
			}
		})
	}
}
