package dial

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"time"
)

// startCommand runs a ProxyCommand, over which ssh then speaks.
func startCommand(h host) (net.Conn, error) {
	cmd := exec.Command("/bin/sh", "-c", "exec "+h.command)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &commandConn{Reader: out, WriteCloser: in, cmd: cmd, to: h.address()}, nil
}

// commandConn is a net.Conn over a process. ssh sets no deadlines.
type commandConn struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
	to  string
}

// Close implements net.Conn.
func (c *commandConn) Close() error {
	err := c.WriteCloser.Close()
	if kill := c.cmd.Process.Kill(); kill == nil {
		_ = c.cmd.Wait() // it was killed: that is its error
	}
	return err
}

// LocalAddr implements net.Conn.
func (c *commandConn) LocalAddr() net.Addr { return commandAddr(c.to) }

// RemoteAddr implements net.Conn.
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr(c.to) }

// SetDeadline implements net.Conn.
func (c *commandConn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline implements net.Conn.
func (c *commandConn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline implements net.Conn.
func (c *commandConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type commandAddr string

// Network implements net.Addr.
func (commandAddr) Network() string { return "command" }

func (a commandAddr) String() string { return string(a) }
