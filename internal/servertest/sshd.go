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
	// Home is a folder to be HOME: its .ssh has the key that is let in, and the
	// host's in known_hosts.
	Home string
	// Dir is an empty folder of the host.
	Dir string
	// HostKey is the host's.
	HostKey ssh.PublicKey
	// Command serves one more connection, over its standard input and output.
	Command string
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
	s := &SSHD{Host: "127.0.0.1", User: me.Username, Home: t.TempDir(), Dir: t.TempDir()}
	address := freeAddress(t)
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &s.Port); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public := NewSSHKey(t, "")
	hostPrivate, hostPublic := NewSSHKey(t, "")
	s.HostKey = hostPublic
	write(t, filepath.Join(s.Home, ".ssh", "id_ed25519"), private)
	write(t, filepath.Join(dir, "host"), hostPrivate)
	write(t, filepath.Join(dir, "authorized"), ssh.MarshalAuthorizedKey(public))
	s.Know(t, s.Home)
	lines := append(config,
		"ListenAddress "+address, "HostKey "+filepath.Join(dir, "host"), "AuthorizedKeysFile "+filepath.Join(dir, "authorized"),
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PidFile none",
		"MaxStartups 100", "Subsystem sftp internal-sftp")
	write(t, filepath.Join(dir, "config"), []byte(strings.Join(lines, "\n")+"\n"))
	s.Command = program + " -i -f " + filepath.Join(dir, "config")
	cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
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
	return s
}

// Know writes the host's key into known_hosts of a home folder.
func (s *SSHD) Know(t testing.TB, home string) {
	t.Helper()
	line := fmt.Sprintf("[%s]:%d %s", s.Host, s.Port, ssh.MarshalAuthorizedKey(s.HostKey))
	write(t, filepath.Join(home, ".ssh", "known_hosts"), []byte(line))
}

// Getenv is an environment in which the host lets one in.
func (s *SSHD) Getenv(name string) string {
	return map[string]string{"HOME": s.Home, "USER": s.User}[name]
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

// KnownAt is an environment for whoever reaches the host as localhost, at another
// port.
func (s *SSHD) KnownAt(t testing.TB, port int) func(string) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.Home, ".ssh", "id_ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	write(t, filepath.Join(home, ".ssh", "id_ed25519"), key)
	other := &SSHD{Host: "localhost", Port: port, HostKey: s.HostKey}
	other.Know(t, home)
	return func(name string) string { return map[string]string{"HOME": home, "USER": s.User}[name] }
}
