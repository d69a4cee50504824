package sftp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/internal/servertest"
)

// write puts text into a file of its own, which only this user can read.
func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reach opens a storage and closes it at once. config replaces ~/.ssh/config.
func reach(t *testing.T, opts sftp.Options, config string, environ ...string) error {
	t.Helper()
	return reachWithin(t.Context(), t, opts, config, environ...)
}

func reachWithin(ctx context.Context, t *testing.T, opts sftp.Options, config string, environ ...string) error {
	t.Helper()
	opts.Path, opts.Variables = "/srv/apt", variables
	opts.Environ = append(environ, "PATH="+os.Getenv("PATH"), variables+"_SSH_CONFIG="+write(t, config+"\nHost *\nGlobalKnownHostsFile none\nIdentityFile none\n"))
	s, err := sftp.Open(ctx, opts)
	if err == nil {
		err = s.Close()
	}
	return err
}

// want checks an error and its hint.
func want(t *testing.T, err error, message, hint string) {
	t.Helper()
	var e *sftp.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), message) || !strings.Contains(e.Hint(), hint) {
		t.Errorf("%v, want %s, and the hint %s", err, message, hint)
		return
	}
	if said := err.Error() + e.Hint(); strings.Contains(said, "s3same") {
		t.Errorf("it holds a secret: %s", said)
	}
}

func TestConnect(t *testing.T) {
	server := servertest.StartSSHD(t, "AllowTcpForwarding yes")
	direct := sftp.Options{Host: server.Host, Port: server.Port, User: server.User}
	known, key := "UserKnownHostsFile "+server.KnownHosts, "IdentityFile "+server.Key
	keyFile := variables + "_KEY_FILE=" + server.Key
	for name, test := range map[string]struct {
		opts    sftp.Options
		config  string
		environ []string
		message string // of the error, if there is to be one
		hint    string
	}{
		"config":      {opts: direct, config: known + "\n" + key},
		"key file":    {opts: direct, config: known, environ: []string{keyFile}},
		"home":        {opts: direct, config: known, environ: []string{"HOME=" + filepath.Dir(server.Key), variables + "_KEY_FILE=~/" + filepath.Base(server.Key)}},
		"known hosts": {opts: direct, environ: []string{keyFile, variables + "_KNOWN_HOSTS_FILE=" + server.KnownHosts}},
		"agent":       {opts: direct, config: known, environ: []string{"SSH_AUTH_SOCK=" + serveAgent(t, server.Key)}},
		"alias": {opts: sftp.Options{Host: "apt"}, config: fmt.Sprintf(
			"Host apt\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  %s\n  IdentitiesOnly yes\n  %s\nHost *\n  User other\n", server.Port, server.User, key, known)},
		"match": {opts: sftp.Options{Host: "apt"}, config: fmt.Sprintf(
			"Match host apt exec true\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  %s\n  %s\n", server.Port, server.User, key, known)},
		"jump": {opts: sftp.Options{Host: "inner"}, config: fmt.Sprintf(
			"Host inner\n  HostName 127.0.0.1\n  Port %[1]d\n  User %[2]s\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port %[1]d\n  User %[2]s\nHost *\n  %[3]s\n  %[4]s\n", server.Port, server.User, key, known)},
		"command": {opts: sftp.Options{Host: "inner"}, config: fmt.Sprintf(
			"Host inner\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  ProxyCommand %s\n  %s\n  %s\n", server.Port, server.User, server.Command, key, known)},
		"unknown host": {opts: direct, config: key,
			message: "connect to " + server.User + "@127.0.0.1: known_hosts doesn't have its host key", hint: "connect to it once with ssh"},
		"another host": {opts: direct, config: "UserKnownHostsFile " + write(t, fmt.Sprintf("[127.0.0.1]:%d %s", server.Port, anotherKey(t))),
			message: "its host key is not the one that known_hosts has", hint: fmt.Sprintf("ssh-keygen -R [127.0.0.1]:%d", server.Port)},
		"no key":      {opts: direct, config: known, message: "Permission denied (publickey)", hint: variables + "_KEY_FILE"},
		"no key file": {opts: direct, config: known, environ: []string{variables + "_KEY_FILE=/nowhere"}, message: "/nowhere", hint: "correct " + variables + "_KEY_FILE"},
		"broken key": {opts: direct, config: known + "\nIdentityFile " + write(t, "-----BEGIN OPENSSH PRIVATE KEY-----\ns3same\n"),
			message: "Load key ", hint: "that the host accepts"},
		"no server": {opts: sftp.Options{Host: "127.0.0.1", Port: 1}, message: "Connection refused", hint: "`ssh 127.0.0.1` should work"},
		"no host":   {opts: sftp.Options{Host: "nowhere.invalid"}, message: "Could not resolve hostname", hint: "check the host in the spec"},
	} {
		t.Run(name, func(t *testing.T) {
			switch err := reach(t, test.opts, test.config, test.environ...); {
			case test.message != "":
				want(t, err, test.message, test.hint)
			case err != nil:
				t.Error(err)
			}
		})
	}
	t.Run("no ssh", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		want(t, reach(t, direct, ""), "ssh is not installed", "apt-get install openssh-client")
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sftp.Open(ctx, direct); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func anotherKey(t *testing.T) []byte {
	_, public := servertest.NewSSHKey(t, "")
	return ssh.MarshalAuthorizedKey(public)
}

// TestPassphrase has a key that is locked, and one that isn't accepted.
func TestPassphrase(t *testing.T) {
	server := servertest.StartSSHD(t)
	private, public := servertest.NewSSHKey(t, "s3same")
	direct := sftp.Options{Host: server.Host, Port: server.Port, User: server.User}
	config := "UserKnownHostsFile " + server.KnownHosts
	environ := []string{variables + "_KEY_FILE=" + write(t, string(private))}
	want(t, reach(t, direct, config, environ...), "Permission denied", variables+"_PASSPHRASE")
	opened := append(environ, variables+"_PASSPHRASE=s3same")
	want(t, reach(t, direct, config, opened...), "Permission denied", "that the host accepts")
	server.Admit(t, public)
	if err := reach(t, direct, config, opened...); err != nil {
		t.Error(err)
	}
	want(t, reach(t, direct, config, append(environ, variables+"_PASSPHRASE=s3same too")...), "Permission denied", "ssh-agent")
}

// listenSSH serves connections of SSH, until the test ends.
func listenSSH(t *testing.T, config *ssh.ServerConfig, serve func(<-chan ssh.NewChannel)) (port int, known string) {
	t.Helper()
	private, public := servertest.NewSSHKey(t, "")
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accept(t, l, func(conn net.Conn) {
		if _, channels, requests, err := ssh.NewServerConn(conn, config); err == nil {
			go ssh.DiscardRequests(requests)
			serve(channels)
		}
	})
	port = l.Addr().(*net.TCPAddr).Port
	return port, "UserKnownHostsFile " + write(t, fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(public)))
}

// refuseChannels lets people in and serves nothing.
func refuseChannels(channels <-chan ssh.NewChannel) {
	for c := range channels {
		_ = c.Reject(ssh.Prohibited, "none of that")
	}
}

// TestPassword has a host that takes nothing else.
func TestPassword(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			port, known := listenSSH(t, config, refuseChannels)
			opts := sftp.Options{Host: "127.0.0.1", Port: port, User: "deploy"}
			want(t, reach(t, opts, known, variables+"_PASSWORD=s3same"), "none of that", "")
			want(t, reach(t, opts, known, variables+"_PASSWORD=not s3same"), "Permission denied", "")
			want(t, reach(t, opts, known), "Permission denied", variables+"_KEY_FILE")
		})
	}
}

// TestPasswordOfAJumpHost has a host on the way that asks for a password, and
// doesn't get the one that is for the host behind it.
func TestPasswordOfAJumpHost(t *testing.T) {
	var given []string
	port, known := listenSSH(t, &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		given = append(given, string(password))
		return nil, errors.New("no")
	}}, refuseChannels)
	config := fmt.Sprintf("%s\nHost inner\n  ProxyJump deploy@127.0.0.1:%d\n", known, port)
	if err := reach(t, sftp.Options{Host: "inner"}, config, variables+"_PASSWORD=s3same"); err == nil || slices.Contains(given, "s3same") {
		t.Errorf("%v; it was given %q", err, given)
	}
}

func judge(password string) error {
	if password != "s3same" {
		return errors.New("no")
	}
	return nil
}

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

// keyring holds one key.
func keyring(t *testing.T, file string) agent.Agent {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ssh.ParseRawPrivateKey(text)
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
	l, r := listenUnix(t), keyring(t, key)
	accept(t, l, func(conn net.Conn) { _ = agent.ServeAgent(r, conn) })
	return l.Addr().String()
}
