package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// appVersion is the application's version: the command line's, the spec's, or
// what git describes.
func (s *session) appVersion(ctx context.Context, given string) (string, error) {
	if given != "" {
		if err := pkgspec.CheckVersion(given); err != nil {
			return "", &usageError{message: "--version: " + err.Error(), hint: hint.Of(err)}
		}
		return given, nil
	}
	switch v := s.spec.Version; {
	case v.Literal != "":
		return v.Literal, nil
	case v.Git != "":
		return s.describedVersion(ctx)
	}
	return "", s.spec.ErrorAt("a package needs a version", "add it to the spec, or give deb --version")
}

// describedVersion makes a Debian version of git describe's answer:
// v1.4.0-3-g1f2e becomes 1.4.0+3.g1f2e, which sorts after 1.4.0.
func (s *session) describedVersion(ctx context.Context) (string, error) {
	description, err := s.git(ctx, "describe", "--tags", "--long", "--dirty")
	if err != nil {
		return "", s.spec.ErrorAt("git can't describe the version: "+err.Error(), "tag a commit, or give deb --version", "version")
	}
	version, err := fromDescription(description)
	if err == nil {
		err = pkgspec.CheckVersion(version)
	}
	if err != nil {
		return "", s.spec.ErrorAt("git's description is no version: "+err.Error(), "tag commits like v1.4.0, or give deb --version", "version")
	}
	return version, nil
}

// git asks git about the project. The error is what git said.
func (s *session) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", s.spec.Dir}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func fromDescription(text string) (string, error) {
	text, dirty := strings.CutSuffix(text, "-dirty")
	rest, commit, ok1 := cutLast(text, "-")
	tag, count, ok2 := cutLast(rest, "-")
	if !ok1 || !ok2 {
		return "", fmt.Errorf("%q", text)
	}
	version := strings.TrimPrefix(tag, "v")
	if count != "0" {
		version += "+" + count + "." + commit
	}
	if dirty {
		version += "+dirty"
	}
	return version, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
