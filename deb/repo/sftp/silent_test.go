package sftp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/internal/servertest"
)

// silentHost lets everybody in, and then doesn't answer: neither the request for
// SFTP, nor, if that is granted, what is said in it. silence is called then.
func silentHost(t *testing.T, granted bool, silence func()) sftp.Options {
	t.Helper()
	private, public := servertest.NewSSHKey(t, "")
	key, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, channels, requests, err := ssh.NewServerConn(conn, config)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(requests)
				for c := range channels {
					channel, requests, err := c.Accept()
					if err != nil {
						return
					}
					request := <-requests
					if granted {
						_ = request.Reply(true, nil) // the client notices
						_, _ = channel.Read(make([]byte, 1))
					}
					silence()
				}
			}()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(public))
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	return sftp.Options{Host: "127.0.0.1", Port: port, User: "deploy", Path: "/srv/apt", Getenv: func(name string) string {
		if name == "HOME" {
			return home
		}
		return ""
	}}
}

// TestSilence ends the waiting for a host that doesn't answer.
func TestSilence(t *testing.T) {
	for name, granted := range map[string]bool{"no SFTP": false, "no version": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := sftp.Open(ctx, silentHost(t, granted, cancel)); !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted: %v", err)
			}
			opts := silentHost(t, granted, func() {})
			opts.Alive = 100 * time.Millisecond
			_, err := sftp.Open(t.Context(), opts)
			var e *sftp.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), "SFTP doesn't answer within 100ms") || e.Hint() == "" {
				t.Errorf("after a while: %v", err)
			}
		})
	}
}
