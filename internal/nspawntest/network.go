package nspawntest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects to an address of the machine, such as 127.0.0.1:80, from inside
// its network. The host must be an address: a name would be looked up outside.
func (m *Machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		return nil, fmt.Errorf("dial %s: not an address", address)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := m.dial(ctx, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// dial moves its thread to the machine's network, where a socket stays for good
// once it is made. It runs on a goroutine of its own: a thread that can't be moved
// back ends with it.
func (m *Machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	theirs, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.leader))
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if err := unix.Setns(int(theirs.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return conn, errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return conn, err
}

// Client asks web servers in the machine. Each request has a connection of its
// own, so that none is answered by a process that should be gone.
func (m *Machine) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: m.Dial, DisableKeepAlives: true},
		Timeout:   time.Minute,
	}
}
