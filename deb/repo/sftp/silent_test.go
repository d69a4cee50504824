package sftp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/internal/servertest"
)

// unsigning is an agent that gives its keys, and doesn't sign.
type unsigning struct {
	agent.Agent
	silence func()
}

// SignWithFlags implements agent.ExtendedAgent.
func (u unsigning) SignWithFlags(ssh.PublicKey, []byte, agent.SignatureFlags) (*ssh.Signature, error) {
	u.silence()
	return nil, errors.New("never")
}

// Extension implements agent.ExtendedAgent.
func (u unsigning) Extension(string, []byte) ([]byte, error) {
	return nil, agent.ErrExtensionUnsupported
}

// swallow reads once and answers nothing.
func swallow(conn net.Conn, silence func()) {
	_, _ = conn.Read(make([]byte, 1)) // whose end ends it too
	silence()
}

// TestSilence has agents and hosts that don't answer. An interruption, and a
// deadline, end the waiting for them, and ssh.
func TestSilence(t *testing.T) {
	server := servertest.StartSSHD(t)
	anybody := func() *ssh.ServerConfig { return &ssh.ServerConfig{NoClientAuth: true} }
	for name, silent := range map[string]func(t *testing.T, silence func()) (opts sftp.Options, config string, environ []string){
		"agent": func(t *testing.T, silence func()) (sftp.Options, string, []string) {
			l := listenUnix(t)
			accept(t, l, func(conn net.Conn) { swallow(conn, silence) })
			return sftp.Options{Host: server.Host, Port: server.Port, User: server.User},
				"UserKnownHostsFile " + server.KnownHosts, []string{"SSH_AUTH_SOCK=" + l.Addr().String()}
		},
		"agent's signature": func(t *testing.T, silence func()) (sftp.Options, string, []string) {
			l, r := listenUnix(t), keyring(t, server.Key)
			accept(t, l, func(conn net.Conn) { _ = agent.ServeAgent(unsigning{r, silence}, conn) })
			return sftp.Options{Host: server.Host, Port: server.Port, User: server.User},
				"UserKnownHostsFile " + server.KnownHosts, []string{"SSH_AUTH_SOCK=" + l.Addr().String()}
		},
		"host": func(t *testing.T, silence func()) (sftp.Options, string, []string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			accept(t, l, func(conn net.Conn) { swallow(conn, silence) })
			return sftp.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}, "", nil
		},
		"no SFTP": func(t *testing.T, silence func()) (sftp.Options, string, []string) {
			port, known := listenSSH(t, anybody(), func(channels <-chan ssh.NewChannel) {
				c, requests, err := (<-channels).Accept()
				if err == nil {
					defer c.Close()
					for range requests {
						silence() // and no reply
					}
				}
			})
			return sftp.Options{Host: "127.0.0.1", Port: port}, known, nil
		},
		"no version": func(t *testing.T, silence func()) (sftp.Options, string, []string) {
			port, known := listenSSH(t, anybody(), func(channels <-chan ssh.NewChannel) {
				c, requests, err := (<-channels).Accept()
				if err == nil {
					defer c.Close()
					for r := range requests {
						if r.Type == "subsystem" {
							_ = r.Reply(true, nil) // the client notices
							_, _ = c.Read(make([]byte, 1))
							silence()
						}
					}
				}
			})
			return sftp.Options{Host: "127.0.0.1", Port: port}, known, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			defer close(done)
			open := func(ctx context.Context, start time.Duration, silence func()) error {
				opts, config, environ := silent(t, silence)
				opts.Start = start
				return reachWithin(ctx, t, opts, config, environ...)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var e *sftp.Error
			if err := open(ctx, time.Hour, func() { cancel(); <-done }); !errors.Is(err, context.Canceled) || !errors.As(err, &e) {
				t.Errorf("interrupted: %v", err)
			}
			err := open(t.Context(), 300*time.Millisecond, func() { <-done })
			if !errors.As(err, &e) || !strings.Contains(err.Error(), "no answer within 300ms") || e.Hint() == "" {
				t.Errorf("after a while: %v", err)
			}
		})
	}
}
