package project

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// Version is the application's version: the command line's, the spec's, or
// what git describes.
func (p *Project) Version(ctx context.Context, given string) (string, error) {
	if given != "" {
		if err := pkgspec.CheckVersion(given); err != nil {
			return "", &UsageError{Message: "--version: " + err.Error(), Help: hint.Of(err)}
		}
		return given, nil
	}
	switch v := p.Spec.Version; {
	case v.Literal != "":
		return v.Literal, nil
	case v.Git != "":
		return p.describedVersion(ctx)
	}
	return "", p.Spec.ErrorAt("a package needs a version", "add it to the spec, or give deb --version")
}

// describedVersion makes a Debian version of git describe's answer:
// v1.4.0-3-g1f2e becomes 1.4.0+3.g1f2e, which sorts after 1.4.0.
func (p *Project) describedVersion(ctx context.Context) (string, error) {
	description, err := p.Git(ctx, "describe", "--tags", "--long", "--dirty")
	if err != nil {
		return "", p.Spec.ErrorAt("git can't describe the version: "+err.Error(), "tag a commit, or give deb --version", "version")
	}
	version, err := fromDescription(description)
	if err == nil {
		err = pkgspec.CheckVersion(version)
	}
	if err != nil {
		return "", p.Spec.ErrorAt("git's description is not a valid version: "+err.Error(), "tag commits like v1.4.0, or give deb --version", "version")
	}
	return version, nil
}

// Git asks git about the project. The error is what git said.
func (p *Project) Git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", p.Spec.Dir}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func fromDescription(text string) (string, error) {
	text, dirty := strings.CutSuffix(text, "-dirty")
	words := strings.Split(text, "-")
	n := len(words)
	if n < 3 {
		return "", fmt.Errorf("%q", text)
	}
	count, commit := words[n-2], words[n-1]
	version := strings.TrimPrefix(strings.Join(words[:n-2], "-"), "v")
	if count != "0" {
		version += "+" + count + "." + commit
	}
	if dirty {
		version += "+dirty"
	}
	return version, nil
}
