// Package dial connects to hosts as ssh(1) does: by the settings of ~/.ssh/config,
// the keys of ssh-agent and ~/.ssh, and the known_hosts files. What it doesn't
// know of a host it doesn't trust.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options say where to.
type Options struct {
	// Host is a name, an address, or an alias of ~/.ssh/config. User and Port are
	// the config's, or the caller's name and 22, unless given.
	Host, User string
	Port       int
	// Variables is what the names of variables with secrets begin with: _KEY_FILE
	// is a private key's file, _PASSPHRASE opens it, _PASSWORD is the login's.
	Variables string
	// Getenv gives the environment: HOME, USER, SSH_AUTH_SOCK, and the secrets.
	Getenv func(string) string
	// Notice is told what a person may want to know. It may be nil.
	Notice func(message string)
}

// Error says why a host can't be had.
type Error struct {
	// Host is as it was given.
	Host string
	Err  error
	hint string
}

func (e *Error) Error() string { return "connect to " + e.Host + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.hint }

// timeout is how long a host may take to let somebody in.
const timeout = 30 * time.Second

// Dial connects and logs in. The address is that of the host, as a URL without a
// path. The error is an *Error.
func Dial(ctx context.Context, opts Options) (client *ssh.Client, address string, err error) {
	if opts.Notice == nil {
		opts.Notice = func(string) {}
	}
	d := &dialer{opts: opts, config: readConfig(opts)}
	defer d.closeAgents()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	h := d.config.host(opts.Host)
	if opts.User != "" {
		h.user = opts.User
	}
	if opts.Port != 0 {
		h.port = opts.Port
	}
	client, err = d.dial(ctx, h, 0)
	if err != nil {
		return nil, "", d.explain(ctx, h, err)
	}
	return client, h.url(), nil
}

type dialer struct {
	opts   Options
	config *config
	agents []func() // which end them
}

// maxJumps keeps a config from leading in circles.
const maxJumps = 8

// dial connects to a host, by way of others if the config says so.
func (d *dialer) dial(ctx context.Context, h host, depth int) (*ssh.Client, error) {
	if depth > maxJumps {
		return nil, errors.New("ProxyJump leads over too many hosts")
	}
	keys, err := d.hostKeys(h)
	if err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, h, depth)
	if err != nil {
		return nil, err
	}
	auth, err := d.auth(ctx, h, depth == 0)
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(conn.Close()))
	}
	config := &ssh.ClientConfig{
		User: h.user, Auth: auth.methods, HostKeyCallback: keys.callback, HostKeyAlgorithms: keys.algorithms,
		ClientVersion: "SSH-2.0-envbuild",
	}
	// The handshake has no context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, h.known(), config)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(&loginError{host: h, err: err, auth: auth}, ignoreClosed(conn.Close()))
	}
	return ssh.NewClient(c, channels, requests), nil
}

// ignoreClosed drops that a handshake which failed has closed its connection.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// connect makes the connection over which ssh speaks.
func (d *dialer) connect(ctx context.Context, h host, depth int) (net.Conn, error) {
	switch {
	case h.command != "":
		return startCommand(h)
	case len(h.jumps) == 0:
		var nd net.Dialer
		return nd.DialContext(ctx, "tcp", h.address())
	}
	last := d.config.jump(h.jumps[len(h.jumps)-1])
	if len(h.jumps) > 1 {
		last.jumps = h.jumps[:len(h.jumps)-1]
	}
	via, err := d.dial(ctx, last, depth+1)
	if err != nil {
		return nil, fmt.Errorf("by way of %s: %w", last.name, err)
	}
	conn, err := via.DialContext(ctx, "tcp", h.address())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("by way of %s: %w", last.name, err), via.Close())
	}
	return &jumpConn{conn, via}, nil
}

// jumpConn closes the host by way of which it leads.
type jumpConn struct {
	net.Conn
	via *ssh.Client
}

// Close implements net.Conn.
func (c *jumpConn) Close() error { return errors.Join(c.Conn.Close(), c.via.Close()) }

// loginError says that a host was reached and didn't let us in.
type loginError struct {
	host host
	err  error
	auth *auth
}

func (e *loginError) Error() string { return e.err.Error() }

func (e *loginError) Unwrap() error { return e.err }

// explain makes an error that says what to do.
func (d *dialer) explain(ctx context.Context, h host, err error) error {
	e := &Error{Host: h.display(), Err: err}
	var login *loginError
	var key *hostKeyError
	var dns *net.DNSError
	var agent *agentError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.As(err, &agent):
		e.Err = fmt.Errorf("no answer from ssh-agent at %s", agent.socket)
		e.hint = "does it ask somebody? `ssh-add -l` should work; without SSH_AUTH_SOCK it isn't asked"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Err = fmt.Errorf("no answer within %v", timeout)
		e.hint = "check the host, the port and the network"
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
	case errors.As(err, &key):
		e.Err, e.hint = key, key.hint
	case errors.As(err, &login) && strings.Contains(login.err.Error(), "unable to authenticate"):
		e.Err = fmt.Errorf("%s isn't let in by %s", login.host.user, login.auth.tried())
		e.hint = login.auth.hint(d.opts.Variables)
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Err = errors.New("no such host " + dns.Name)
		e.hint = "check the host in the spec"
	default:
		e.hint = "check the host, the port and the network; `ssh " + h.display() + "` should work"
	}
	return e
}

// host is where a connection leads to, with all settings.
type host struct {
	// name is as it was given, alias how known_hosts calls it, or empty.
	name, alias string
	addr, user  string
	port        int
	identities  []string
	onlyThese   bool // IdentitiesOnly
	agent       string
	knownHosts  []string
	jumps       []string
	command     string
}

func (h host) address() string { return net.JoinHostPort(h.addr, strconv.Itoa(h.port)) }

// known is the address by which known_hosts has the host.
func (h host) known() string {
	if h.alias != "" {
		return net.JoinHostPort(h.alias, "22")
	}
	return h.address()
}

func (h host) display() string {
	if h.user != "" {
		return h.user + "@" + h.name
	}
	return h.name
}

func (h host) url() string {
	name := h.name
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if h.port != 22 {
		name += ":" + strconv.Itoa(h.port)
	}
	return "ssh://" + h.user + "@" + name
}

// home replaces ~/ at a path's start.
func home(getenv func(string) string, path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(getenv("HOME"), rest)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
