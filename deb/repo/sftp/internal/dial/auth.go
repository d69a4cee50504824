package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// auth is how we log in, and what there was to do it with.
type auth struct {
	methods []ssh.AuthMethod
	with    []string // what was tried
	locked  []string // keys that need a passphrase
	broken  []string // keys that can't be read
}

// auth gathers the keys of a host: those of the agent, then those of files. A
// password is for the last host alone, and not for those by way of which it is
// reached.
func (d *dialer) auth(ctx context.Context, h host, last bool) (*auth, error) {
	a := &auth{}
	files := h.identities
	if f := d.opts.Getenv(d.opts.Variables + "_KEY_FILE"); f != "" && d.opts.Variables != "" {
		files = append([]string{home(d.opts.Getenv, f)}, files...)
	}
	if len(files) == 0 {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			if f := filepath.Join(d.opts.Getenv("HOME"), ".ssh", name); exists(f) {
				files = append(files, f)
			}
		}
	}
	fromFiles := d.fileKeys(a, files)
	signers, err := d.agentKeys(ctx, a, h)
	if err != nil {
		return nil, err
	}
	if h.onlyThese {
		signers = only(signers, files)
	}
	signers = append(signers, fromFiles...)
	if len(signers) > 0 {
		a.methods = append(a.methods, ssh.PublicKeys(signers...))
	}
	if password := d.opts.Getenv(d.opts.Variables + "_PASSWORD"); last && password != "" && d.opts.Variables != "" {
		a.with = append(a.with, "the password of "+d.opts.Variables+"_PASSWORD")
		a.methods = append(a.methods, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, echos []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range questions {
					if !echos[i] {
						answers[i] = password
					}
				}
				return answers, nil
			}))
	}
	return a, nil
}

// agentKeys are those of ssh-agent. It is needed until the login is done. It may
// be asking a person, so it has as long as ctx; no other error ends the login.
func (d *dialer) agentKeys(ctx context.Context, a *auth, h host) ([]ssh.Signer, error) {
	if h.agent == "" {
		return nil, nil
	}
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, "unix", h.agent)
	if err != nil {
		d.opts.Notice("ssh-agent doesn't answer: " + err.Error())
		return nil, nil
	}
	// Neither this nor a signature has a context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	d.agents = append(d.agents, func() {
		if stop() {
			_ = conn.Close() // the login is done
		}
	})
	signers, err := agent.NewClient(conn).Signers()
	if ctx.Err() != nil {
		return nil, &agentError{h.agent, context.Cause(ctx)}
	}
	if err != nil {
		d.opts.Notice("ssh-agent doesn't give its keys: " + err.Error())
		return nil, nil
	}
	if len(signers) > 0 {
		a.with = append(a.with, fmt.Sprintf("%d of ssh-agent's keys", len(signers)))
	}
	return signers, nil
}

// agentError says that there was no waiting for ssh-agent any more.
type agentError struct {
	socket string
	err    error
}

func (e *agentError) Error() string {
	return "ssh-agent at " + e.socket + " doesn't answer: " + e.err.Error()
}

func (e *agentError) Unwrap() error { return e.err }

func (d *dialer) closeAgents() {
	for _, closeAgent := range d.agents {
		closeAgent()
	}
}

// only keeps the agent's keys of which there is a file: IdentitiesOnly.
func only(signers []ssh.Signer, files []string) (out []ssh.Signer) {
	for _, f := range files {
		data, err := os.ReadFile(strings.TrimSuffix(f, ".pub") + ".pub")
		if err != nil {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(data)
		if err != nil {
			continue
		}
		for _, s := range signers {
			if string(s.PublicKey().Marshal()) == string(key.Marshal()) {
				out = append(out, s)
			}
		}
	}
	return out
}

// fileKeys are those of files, with their certificates.
func (d *dialer) fileKeys(a *auth, files []string) (out []ssh.Signer) {
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				a.broken = append(a.broken, f)
			}
			continue
		}
		signer, err := ssh.ParsePrivateKey(data)
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			passphrase := ""
			if d.opts.Variables != "" {
				passphrase = d.opts.Getenv(d.opts.Variables + "_PASSPHRASE")
			}
			if passphrase == "" {
				a.locked = append(a.locked, f)
				continue
			}
			signer, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase))
		}
		if err != nil { // whose text may quote the file
			a.broken = append(a.broken, f)
			continue
		}
		a.with = append(a.with, f)
		if c := certificate(f, signer); c != nil {
			out = append(out, c)
		}
		out = append(out, signer)
	}
	return out
}

// certificate is what stands beside a key: id_ed25519-cert.pub.
func certificate(file string, signer ssh.Signer) ssh.Signer {
	data, err := os.ReadFile(file + "-cert.pub")
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil
	}
	with, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		return nil
	}
	return with
}

// tried says what we tried to log in with.
func (a *auth) tried() string {
	if len(a.with) == 0 {
		return "anything, since there is no key"
	}
	return strings.Join(a.with, ", ")
}

// hint says what could help.
func (a *auth) hint(variables string) string {
	switch {
	case len(a.locked) > 0 && variables != "":
		return strings.Join(a.locked, ", ") + " needs its passphrase: add it to ssh-agent with ssh-add, or set " + variables + "_PASSPHRASE"
	case len(a.locked) > 0:
		return strings.Join(a.locked, ", ") + " needs its passphrase: add it to ssh-agent with ssh-add"
	case len(a.broken) > 0:
		return strings.Join(a.broken, ", ") + " can't be read, or not with that passphrase"
	case variables != "":
		return "add a key that the host knows to ssh-agent or ~/.ssh, or name its file in " + variables + "_KEY_FILE"
	}
	return "add a key that the host knows to ssh-agent or ~/.ssh"
}
