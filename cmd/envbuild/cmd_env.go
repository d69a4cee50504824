package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) envCommand() *cli.Command {
	return &cli.Command{
		Name:  "env",
		Usage: "print the local environment, or that of a package",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "prefix", Usage: "the environment of a package installed at `P`"},
			&cli.StringFlag{Name: "format", Usage: "`sh|json|dotenv|systemd|github`", Value: string(env.Sh)},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			format := env.Format(c.String("format"))
			if s.json && !c.IsSet("format") {
				format = env.JSON
			}
			if !slices.Contains(env.Formats(), format) {
				return &usageError{message: fmt.Sprintf("there is no format %q", format), hint: "--format takes sh, json, dotenv, systemd or github"}
			}
			return s.printEnvironment(ctx, c.String("prefix"), format)
		}),
	}
}

// printEnvironment prints the environment of a package at prefix, or of the
// local view.
func (s *session) printEnvironment(ctx context.Context, prefix string, format env.Format) error {
	file := filepath.Join(s.spec.Dir, filepath.FromSlash(project.RCFile))
	var environment *env.Environment
	if prefix != "" {
		if !filepath.IsAbs(prefix) {
			return &usageError{message: fmt.Sprintf("--prefix: %s is not absolute", prefix)}
		}
		var err error
		if environment, file, err = deploy.ServerEnvironment(ctx, s.Project, filepath.Clean(prefix)); err != nil {
			return err
		}
	} else {
		l, err := s.Local(ctx, false)
		if err != nil {
			return err
		}
		environment = l.Env
	}
	text, err := s.encodeEnvironment(environment, format, file, prefix == "")
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(text)
	return err
}

// encodeEnvironment writes an environment. The env files of the spec are for
// local use, and sh leaves references and the caller's values to the shell.
func (s *session) encodeEnvironment(e *env.Environment, format env.Format, file string, isLocal bool) ([]byte, error) {
	if format == env.Sh {
		return e.RC(file)
	}
	var over env.Overlay
	caller := []string{"PATH=" + deploy.SystemPath}
	if isLocal {
		var err error
		if over, err = s.Overlay(nil, nil); err != nil {
			return nil, err
		}
		caller = s.environ
	}
	list, err := e.Assignments(caller, over)
	if err != nil {
		return nil, err
	}
	return env.Encode(format, list)
}
