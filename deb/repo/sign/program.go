package sign

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
)

// GPG signs through the program gpg, and so with what its agent reaches: keys
// with passphrases, smart cards.
type GPG struct {
	// Program is gpg's path or name.
	Program string
	// Key is what gpg finds the key by: a fingerprint, an address.
	Key string
	// Env is the process's environment: GNUPGHOME, GPG_TTY.
	Env []string
}

// Sign implements repo.Signer.
func (g *GPG) Sign(ctx context.Context, release []byte) (inline, detached []byte, err error) {
	if inline, err = g.run(ctx, release, "--armor", "--clear-sign"); err != nil {
		return nil, nil, err
	}
	detached, err = g.run(ctx, release, "--armor", "--detach-sign")
	return inline, detached, err
}

// PublicKey implements repo.Signer.
func (g *GPG) PublicKey(ctx context.Context) ([]byte, error) {
	out, err := run(ctx, g.Env, nil, g.Program, "--batch", "--export-options", "export-minimal", "--export", g.Key)
	if err == nil && len(out) == 0 {
		err = errors.New("gpg has no such key")
	}
	if err != nil {
		return nil, &KeyError{g.Key, "can't be exported", err, "gpg --list-secret-keys shows the keys"}
	}
	return out, nil
}

func (g *GPG) run(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	all := append([]string{
		"--batch", "--status-fd", "2", "--no-emit-version", "--no-comments", "--digest-algo", "SHA512", "--local-user", g.Key,
	}, args...)
	out, err := run(ctx, g.Env, in, g.Program, all...)
	if err == nil {
		return out, nil
	}
	key := &KeyError{g.Key, "didn't sign", err, "gpg --list-secret-keys shows the keys"}
	var failed *programError
	if !errors.As(err, &failed) {
		return nil, key
	}
	// INV_SGNR 9 is "no secret key", KEYEXPIRED tells of expired ones (gpg's DETAILS).
	switch {
	case strings.Contains(failed.stderr, "[GNUPG:] KEYEXPIRED"), strings.Contains(failed.stderr, "[GNUPG:] INV_SGNR 5 "):
		return nil, &KeyError{g.Key, "has expired", nil, "make it last longer (gpg --quick-set-expire), or sign with a new one"}
	case strings.Contains(failed.stderr, "[GNUPG:] INV_SGNR"):
		return nil, &KeyError{g.Key, "is not there, or can't sign", nil, "gpg --list-secret-keys shows the keys"}
	}
	return nil, key
}

// Command signs through a command of the user's: something that asks a signing
// server or a hardware module. It gets one more argument: "inline" for a clear
// text signature of what it reads from its standard input, "detached" for an
// armored detached one, "public" for the public key (then it reads nothing).
type Command struct {
	// Argv is the program and its arguments.
	Argv []string
	// Env is the process's environment.
	Env []string
}

// Sign implements repo.Signer.
func (c *Command) Sign(ctx context.Context, release []byte) (inline, detached []byte, err error) {
	if inline, err = c.run(ctx, release, "inline"); err != nil {
		return nil, nil, err
	}
	detached, err = c.run(ctx, release, "detached")
	return inline, detached, err
}

// PublicKey implements repo.Signer.
func (c *Command) PublicKey(ctx context.Context) ([]byte, error) {
	out, err := c.run(ctx, nil, "public")
	if err != nil {
		return nil, err
	}
	keys, err := Keyring(out)
	if err != nil || len(keys) == 0 {
		return nil, &KeyError{strings.Join(c.Argv, " "), "printed no public key", err, "called with the argument public it has to print one"}
	}
	return Public(keys)
}

func (c *Command) run(ctx context.Context, in []byte, mode string) ([]byte, error) {
	out, err := run(ctx, c.Env, in, c.Argv[0], append(c.Argv[1:len(c.Argv):len(c.Argv)], mode)...)
	if err != nil {
		return nil, &KeyError{strings.Join(c.Argv, " "), "failed (" + mode + ")", err, "run the command by hand"}
	}
	return out, nil
}

// programError is a program's failure and what it said.
type programError struct {
	err    error
	stderr string
}

func (e *programError) Error() string {
	var said []string
	for line := range strings.Lines(e.stderr) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "[GNUPG:]") {
			said = append(said, line)
		}
	}
	return strings.Join(append([]string{e.err.Error()}, said...), ": ")
}

func (e *programError) Unwrap() error { return e.err }

func run(ctx context.Context, env []string, in []byte, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdin = env, bytes.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &programError{err, stderr.String()}
	}
	return stdout.Bytes(), nil
}
