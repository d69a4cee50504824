package servertest

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SSHD is a running sshd that the test's user can log in to.
type SSHD struct {
	Host string
	Port int
	User string
	// Key is the file of a private key that is let in, KnownHosts one that has the
	// host's key.
	Key, KnownHosts string
	// Dir is an empty directory of the host.
	Dir string
	// HostKey is the host's.
	HostKey ssh.PublicKey
	// Command serves one more connection, over its standard input and output.
	Command string

	authorized string
}

// StartSSHD starts OpenSSH's server. More lines for its configuration come first,
// and so win.
func StartSSHD(t testing.TB, config ...string) *SSHD {
	t.Helper()
	program := Need(t, "/usr/sbin/sshd", "openssh-server")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" { // where sshd separates its privileges
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &SSHD{Host: "127.0.0.1", User: me.Username, Dir: t.TempDir()}
	address := freeAddress(t)
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &s.Port); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public := NewSSHKey(t, "")
	hostPrivate, hostPublic := NewSSHKey(t, "")
	s.HostKey = hostPublic
	s.Key, s.KnownHosts = filepath.Join(dir, "key"), filepath.Join(dir, "known_hosts")
	write(t, s.Key, private)
	write(t, filepath.Join(dir, "host"), hostPrivate)
	s.authorized = filepath.Join(dir, "authorized")
	write(t, s.authorized, ssh.MarshalAuthorizedKey(public))
	write(t, s.KnownHosts, fmt.Appendf(nil, "[%s]:%d %s", s.Host, s.Port, ssh.MarshalAuthorizedKey(hostPublic)))
	lines := append(config,
		"ListenAddress "+address, "HostKey "+filepath.Join(dir, "host"), "AuthorizedKeysFile "+s.authorized,
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PidFile none",
		"MaxStartups 100", "Subsystem sftp internal-sftp")
	write(t, filepath.Join(dir, "config"), []byte(strings.Join(lines, "\n")+"\n"))
	s.Command = program + " -i -f " + filepath.Join(dir, "config")
	cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
	listen(t, cmd)
	return s
}

// listen starts sshd, waits until it listens, and ends it with the test.
func listen(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan bool, 1)
	var log strings.Builder
	var mu sync.Mutex
	go func() {
		for in := bufio.NewScanner(said); in.Scan(); {
			mu.Lock()
			log.WriteString(in.Text() + "\n")
			mu.Unlock()
			if strings.Contains(in.Text(), "Server listening on") {
				listening <- true
			}
		}
		close(listening)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		mu.Lock()
		defer mu.Unlock()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	if !<-listening {
		t.Fatal("sshd doesn't start")
	}
}

// Admit lets one more key in.
func (s *SSHD) Admit(t testing.TB, key ssh.PublicKey) {
	t.Helper()
	old, err := os.ReadFile(s.authorized)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.authorized, append(old, ssh.MarshalAuthorizedKey(key)...))
}

// Environ is an environment in which the host lets in a target whose variables
// begin with that. The configuration is whole, so that ssh reads nothing from the home directory of
// whoever runs the test.
func (s *SSHD) Environ(t testing.TB, variables string) []string {
	t.Helper()
	return environ(t, variables, s.Key, s.KnownHosts)
}

func environ(t testing.TB, variables, key, knownHosts string) []string {
	config := filepath.Join(t.TempDir(), "ssh_config")
	write(t, config, fmt.Appendf(nil, "IdentityFile %s\nIdentityAgent none\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\n", key, knownHosts))
	return []string{"PATH=" + os.Getenv("PATH"), variables + "_SSH_CONFIG=" + config}
}

// NewSSHKey makes a key, as the file of a private one, with a passphrase if it
// isn't empty, and the public one.
func NewSSHKey(t testing.TB, passphrase string) (file []byte, public ssh.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err = ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), public
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Relay passes connections on to a server until it is cut.
type Relay struct {
	Port     int
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	passed   int64
	limit    int64
}

// NewRelay listens on loopback, for the server at that address.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Port: l.Addr().(*net.TCPAddr).Port, listener: l}
	t.Cleanup(func() {
		_ = l.Close()
		r.Cut()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			go pass(&counted{out, r}, in)
			go pass(in, out)
		}
	}()
	return r
}

// pass passes on what comes until either end is closed.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// CutAfter cuts all connections when n more bytes have been sent to the server.
func (r *Relay) CutAfter(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = r.passed + n
}

// Cut ends all connections at once.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

type counted struct {
	net.Conn
	relay *Relay
}

func (c *counted) Write(p []byte) (int, error) {
	r := c.relay
	r.mu.Lock()
	left := int64(len(p))
	if r.limit > 0 && r.passed+left > r.limit {
		left = max(0, r.limit-r.passed)
	}
	r.passed += left
	r.mu.Unlock()
	n, err := c.Conn.Write(p[:left])
	if err == nil && n < len(p) {
		r.Cut()
		return n, net.ErrClosed
	}
	return n, err
}

// EnvironAt is Environ for whoever reaches the host as localhost, at another port.
func (s *SSHD) EnvironAt(t testing.TB, variables string, port int) []string {
	t.Helper()
	known := filepath.Join(t.TempDir(), "known_hosts")
	write(t, known, fmt.Appendf(nil, "[localhost]:%d %s", port, ssh.MarshalAuthorizedKey(s.HostKey)))
	return environ(t, variables, s.Key, known)
}
