package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/envbuild/envbuild/internal/environ"
)

// connection is a running ssh(1), through whose pipes SFTP is spoken. It has no
// terminal: neither it nor what it runs for a jump host can ask a question there,
// and a Ctrl-C that ends envbuild leaves it the time to release the lock.
type connection struct {
	in   io.WriteCloser
	out  *os.File
	said tail
	done chan struct{} // closed when it has ended
	kill context.CancelFunc
}

// leaving is how long ssh has to end once its input is closed.
const leaving = 5 * time.Second

// connect starts ssh. What becomes of it shows when the pipes are used.
func connect(opts Options) (*connection, error) {
	program, err := exec.LookPath("ssh") // the person's own, as a shell finds it
	if err != nil {
		return nil, &Error{Op: "connect to", Name: opts.display(), Err: errors.New("ssh is not installed"),
			hint: "install it: sudo apt-get install openssh-client"}
	}
	args, err := opts.args()
	if err != nil {
		return nil, err
	}
	answers, removeAnswers, err := opts.writeAskpass()
	if err != nil {
		return nil, err
	}
	ctx, kill := context.WithCancel(context.Background())
	c := &connection{done: make(chan struct{}), kill: kill}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stderr = append(opts.Environ, answers...), &c.said
	// Its own session, and so its own process group, with ProxyCommand and ProxyJump.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if err := c.start(cmd); err != nil {
		kill()
		return nil, errors.Join(err, removeAnswers())
	}
	go func() {
		defer close(c.done)
		defer kill()
		_ = cmd.Wait() // what it said tells more than its exit code
		_ = removeAnswers()
	}()
	return c, nil
}

// start makes the pipes. They are not those of os/exec, since Wait would close
// them while somebody may still be reading.
func (c *connection) start(cmd *exec.Cmd) error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer theirOut.Close()
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	if err := cmd.Start(); err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	c.in, c.out = in, out
	return nil
}

// Close ends ssh, and waits until it has ended.
func (c *connection) Close() error {
	err := c.in.Close()
	select {
	case <-c.done:
	case <-time.After(leaving):
		c.kill()
		<-c.done
	}
	return ignoreClosed(errors.Join(ignoreClosed(err), ignoreClosed(c.out.Close())))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// lastWords is what ssh said, once it has ended; what still runs says nothing.
func (c *connection) lastWords() string {
	select {
	case <-c.done:
	case <-time.After(time.Second): // its pipe is closed before it is gone
	}
	return c.said.String()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const limit = 8 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-limit):])
	return len(p), nil
}

// forget drops what was said while somebody logged in.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// args are those of ssh. Its own configuration decides whatever isn't said here.
func (o Options) args() ([]string, error) {
	alive := max(1, int((o.Alive+time.Second-1)/time.Second))
	set := []string{
		"BatchMode=" + yesNo(!o.answers()), "NumberOfPasswordPrompts=1", "LogLevel=INFO", "RequestTTY=no",
		fmt.Sprintf("ConnectTimeout=%d", int(connectTimeout/time.Second)),
		// A host that falls silent is given up, before TCP would.
		fmt.Sprintf("ServerAliveInterval=%d", alive), "ServerAliveCountMax=1",
		// None stays behind to serve others.
		"ControlMaster=no",
		"ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no",
	}
	var args []string
	if o.getenv("PASSPHRASE") != "" && o.getenv("PASSWORD") == "" {
		set = append(set, "PasswordAuthentication=no", "KbdInteractiveAuthentication=no") // or an empty one would be tried
	}
	if f := o.getenv("SSH_CONFIG"); f != "" {
		args = append(args, "-F", o.expandHome(f))
	}
	if f := o.getenv("KNOWN_HOSTS_FILE"); f != "" {
		set = append(set, "UserKnownHostsFile="+quoteFile(o.expandHome(f)))
	}
	if f := o.getenv("KEY_FILE"); f != "" {
		f = o.expandHome(f)
		if _, err := os.Stat(f); err != nil {
			return nil, &Error{Op: "connect to", Name: o.display(), Err: err, hint: "correct " + o.Variables + "_KEY_FILE"}
		}
		set = append(set, "IdentityFile="+quoteFile(f), "IdentitiesOnly=yes")
	}
	for _, s := range set {
		args = append(args, "-o", s)
	}
	if o.User != "" {
		args = append(args, "-l", o.User)
	}
	if o.Port != 0 {
		args = append(args, "-p", strconv.Itoa(o.Port))
	}
	return append(args, "-s", "--", o.Host, "sftp"), nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// quoteFile writes a path as a value of ssh_config(5), where % begins a token.
func quoteFile(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(path) + `"`
}

// getenv is a variable of the target's.
func (o Options) getenv(name string) string {
	if o.Variables == "" {
		return ""
	}
	return o.lookup(o.Variables + "_" + name)
}

func (o Options) lookup(name string) string { return environ.Environ(o.Environ).Get(name) }

// expandHome replaces ~/ at a path's start.
func (o Options) expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(o.lookup("HOME"), rest)
	}
	return path
}

// answers reports whether there are answers to what ssh may ask.
func (o Options) answers() bool { return o.getenv("PASSPHRASE") != "" || o.getenv("PASSWORD") != "" }

// askpass answers ssh's questions. The password is for the host itself: an ssh
// that another ssh started, for a jump host, doesn't get it. It answers nothing
// about hosts' keys, and isn't there to show notes.
const askpass = `#!/bin/sh
[ -z "$SSH_ASKPASS_PROMPT" ] || exit 1
read -r _ _ _ parent _ <"/proc/$PPID/stat" || exit 1
case $1 in
"Enter passphrase for "*) answer=$%[1]s_PASSPHRASE ;;
*yes/no*) exit 1 ;;
*) [ "$parent" = %[2]d ] || exit 1; answer=$%[1]s_PASSWORD ;;
esac
[ -n "$answer" ] || exit 1
printf '%%s\n' "$answer"
`

// writeAskpass writes the program that answers, and returns the variables that
// lead ssh to it.
func (o Options) writeAskpass() (environ []string, remove func() error, err error) {
	if !o.answers() {
		return nil, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "envbuild-askpass-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	program := filepath.Join(dir, "askpass")
	if err := os.WriteFile(program, fmt.Appendf(nil, askpass, o.Variables, os.Getpid()), 0o700); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	environ = []string{"SSH_ASKPASS=" + program, "SSH_ASKPASS_REQUIRE=force"}
	if o.lookup("DISPLAY") == "" {
		environ = append(environ, "DISPLAY=:0") // before OpenSSH 8.4 it has to be set
	}
	return environ, remove, nil
}

// display is the host as a person writes it.
func (o Options) display() string {
	if o.User != "" {
		return o.User + "@" + o.Host
	}
	return o.Host
}

// address is the host as a URL without a path, as far as the options say it.
func (o Options) address() string {
	host := o.Host
	switch {
	case o.Port != 0 && o.Port != 22:
		host = net.JoinHostPort(host, strconv.Itoa(o.Port))
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	if o.User != "" {
		host = o.User + "@" + host
	}
	return "ssh://" + host
}

// explainSSH says why ssh didn't bring us there, in its own words where they are
// clear. err is what its pipes gave.
func (o Options) explainSSH(said string, err error) error {
	e := &Error{Op: "connect to", Name: o.display(), Err: fmt.Errorf("ssh ended without a reason: %w", err)}
	lines := strings.FieldsFunc(said, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) > 0 {
		e.Err = errors.New(strings.TrimRight(strings.Join(lines[max(0, len(lines)-3):], "; "), ". "))
	}
	has := func(text string) bool { return strings.Contains(said, text) }
	switch {
	case has("IDENTIFICATION HAS CHANGED"):
		e.Err = errors.New("its host key is not the one that known_hosts has")
		e.hint = "find out why; if the host was set up anew, remove the old key: ssh-keygen -R " + o.knownName()
	case has("Host key verification failed"):
		e.Err = errors.New("known_hosts doesn't have its host key")
		e.hint = "connect to it once with ssh, and compare the key that it shows with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)"
	case has("Permission denied"), has("Too many authentication failures"):
		e.hint = "add a key that the host accepts to ssh-agent or ~/.ssh"
		if o.Variables != "" {
			e.hint += ", or name its file in " + o.Variables + "_KEY_FILE; a key with a passphrase needs ssh-agent, or " + o.Variables + "_PASSPHRASE"
		}
	case has("Could not resolve hostname"):
		e.hint = "check the host in the spec"
	case has("subsystem request failed"):
		e.Err, e.hint = errors.New("the host has no SFTP"), "let its sshd offer it: Subsystem sftp internal-sftp"
	default:
		e.hint = "check the host, the port and the network; `ssh " + o.display() + "` should work"
	}
	return e
}

// knownName is the host's name in known_hosts.
func (o Options) knownName() string {
	if o.Port == 0 || o.Port == 22 {
		return o.Host
	}
	return fmt.Sprintf("[%s]:%d", o.Host, o.Port)
}
