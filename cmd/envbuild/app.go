package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// globals are the flags that work before and after every verb.
type globals struct {
	dir            string
	progress       string
	quiet, verbose bool
	json           bool
	jobs           int
	offline        bool
	requireSandbox bool
}

// globalFlags are declared on the program and on every verb: the library takes a
// flag only where it is declared.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "C", Usage: "find the spec from `DIR` on, instead of from the working directory"},
		&cli.StringFlag{Name: "progress", Usage: "show progress as `auto|plain|json|none`", Value: "auto"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print warnings and errors only"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print more"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as one JSON document"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "use `N` cores (ENVBUILD_JOBS; default: all)"},
		&cli.BoolFlag{Name: "offline", Usage: "ask nothing of the network"},
		&cli.BoolFlag{Name: "require-sandbox", Usage: "fail where steps can't run in namespaces of their own"},
	}
}

// app describes the command line.
func (p *program) app() *cli.App {
	a := &cli.App{
		Name:                      "envbuild",
		Usage:                     "build, run and ship pinned deployment environments",
		Version:                   version(),
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		Flags:                     append(globalFlags(), &cli.BoolFlag{Name: "version", Usage: "print the version"}),
		HideVersion:               true, // the library's flag takes -v for itself
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Suggest:                   true,
		ExitErrHandler:            func(*cli.Context, error) {}, // main maps errors to exit codes
		OnUsageError:              usage,
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				return p.println("envbuild " + c.App.Version)
			}
			if c.Args().Present() {
				return &usageError{
					message: fmt.Sprintf("envbuild has no verb %q", c.Args().First()),
					hint:    suggestion(c.App, c.Args().First()),
				}
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			p.lockCommand(), p.fetchCommand(), p.vendorCommand(), p.planCommand(), p.buildCommand(),
			p.execCommand(), p.shellCommand(), p.envCommand(), p.debCommand(), p.tarCommand(), p.publishCommand(), p.repoCommand(),
			p.whyCommand(), p.logCommand(), p.sbomCommand(), p.diffCommand(), p.reportCommand(), p.cacheCommand(), p.schemaCommand(),
			p.initCommand(), p.doctorCommand(), p.completionCommand(),
		},
	}
	for _, c := range a.Commands {
		prepareVerb(c)
	}
	return a
}

// prepareVerb gives a verb what all have: the global flags.
func prepareVerb(c *cli.Command) {
	c.HideHelpCommand = true
	c.OnUsageError = usage
	for _, sub := range c.Subcommands {
		prepareVerb(sub)
	}
	c.Flags = append(c.Flags, globalFlags()...)
}

func usage(c *cli.Context, err error, _ bool) error {
	verb := verbOf(c)
	return &usageError{message: verb + ": " + err.Error(), hint: "`" + verb + " --help` lists the flags"}
}

// verbOf is the verb as it is called, with those that it belongs to.
func verbOf(c *cli.Context) string {
	verb := ""
	for _, l := range c.Lineage() {
		if l.Command != nil && l.Command.Name != "" && l.Command.Name != "envbuild" {
			verb = " " + l.Command.Name + verb
		}
	}
	return "envbuild" + verb
}

// suggestion names the verb that was meant. The library's is a sentence of its
// own.
func suggestion(a *cli.App, name string) string {
	const list = "`envbuild --help` lists the verbs"
	if s := cli.SuggestCommand(a.Commands, name); s != "" && !strings.Contains(s, `"help"`) { // which the library takes for a verb
		return strings.Replace(s, "Did", "did", 1) + " " + list
	}
	return list
}

// globalsOf reads the global flags, wherever they stand. After the verb wins.
func (p *program) globalsOf(c *cli.Context) (globals, error) {
	at := func(name string) *cli.Context {
		for _, l := range c.Lineage() {
			if l.Command != nil && l.IsSet(name) {
				return l
			}
		}
		return c
	}
	g := globals{
		dir:            at("C").String("C"),
		progress:       at("progress").String("progress"),
		quiet:          at("quiet").Bool("quiet"),
		verbose:        at("verbose").Bool("verbose"),
		json:           at("json").Bool("json"),
		jobs:           at("jobs").Int("jobs"),
		offline:        at("offline").Bool("offline"),
		requireSandbox: at("require-sandbox").Bool("require-sandbox"),
	}
	if g.jobs == 0 && !at("jobs").IsSet("jobs") {
		if s := p.getenv("ENVBUILD_JOBS"); s != "" {
			var err error
			if g.jobs, err = strconv.Atoi(s); err != nil {
				return g, &usageError{message: fmt.Sprintf("ENVBUILD_JOBS is %q, not a number", s)}
			}
		} else {
			g.jobs = runtime.NumCPU()
		}
	}
	p.jsonErrors = g.progress == "json"
	if g.jobs < 1 {
		return g, &usageError{message: fmt.Sprintf("%d is not a valid number of cores", g.jobs), hint: "-j takes a number from 1 on"}
	}
	return g, nil
}

// version is what the build recorded: a tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
