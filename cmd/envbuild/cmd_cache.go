package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/project"
)

func (p *program) cacheCommand() *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "look after the store",
		Subcommands: []*cli.Command{
			{
				Name: "path", Usage: "print where the store is",
				Action: func(c *cli.Context) error {
					g, err := p.globalsOf(c)
					if err != nil {
						return err
					}
					root, err := p.cacheRoot()
					if err != nil {
						return err
					}
					return p.printPath(g, root)
				},
			},
			{
				Name: "stat", Usage: "print what the store holds",
				Action: p.withStore(func(ctx context.Context, _ *cli.Context, g globals, st *store.Store) error {
					usage, err := st.Stat(ctx)
					if err != nil {
						return err
					}
					return p.printUsage(g, usage)
				}),
			},
			{
				Name: "verify", Usage: "hash everything again and drop what is damaged",
				Action: p.withStore(func(ctx context.Context, _ *cli.Context, g globals, st *store.Store) error {
					v, err := st.VerifyAll(ctx)
					if err != nil {
						return err
					}
					return errors.Join(p.printVerifiedStore(g, v), errors.Join(v.Damaged...))
				}),
			},
			p.cacheGCCommand(),
		},
		Action: func(*cli.Context) error {
			return &usageError{message: "cache needs to know what to do", hint: "envbuild cache stat, gc, verify or path"}
		},
	}
}

func (p *program) cacheGCCommand() *cli.Command {
	return &cli.Command{
		Name: "gc", Usage: "remove what no project uses",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "max-age", Usage: "remove what was not used for `DAYS`", Value: 30},
			&cli.Int64Flag{Name: "max-size", Usage: "then remove the oldest until `MB` megabytes are left (0: any size may stay)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be removed"},
		},
		Action: p.withStore(func(ctx context.Context, c *cli.Context, g globals, st *store.Store) error {
			removed, err := st.GC(ctx, store.Policy{
				MaxAge:   time.Duration(c.Int("max-age")) * 24 * time.Hour,
				MaxBytes: c.Int64("max-size") * 1e6,
				DryRun:   c.Bool("dry-run"),
			})
			if err != nil {
				return err
			}
			return p.printUsage(g, removed)
		}),
	}
}

// withStore opens the store without a project.
func (p *program) withStore(f func(context.Context, *cli.Context, globals, *store.Store) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		g, err := p.globalsOf(c)
		if err != nil {
			return err
		}
		root, err := p.cacheRoot()
		if err != nil {
			return err
		}
		st, err := project.OpenStore(c.Context, root, p.now, func(e build.Event) { fmt.Fprintln(p.stderr, e.Message) })
		if err != nil {
			return err
		}
		return errors.Join(f(c.Context, c, g, st), st.Close())
	}
}

func (p *program) printUsage(g globals, usage []store.Usage) error {
	if g.json {
		return p.printJSON(usage)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tENTRIES\tBYTES")
	for _, u := range usage {
		fmt.Fprintf(w, "%s\t%d\t%d\n", u.Kind, u.Entries, u.Bytes)
	}
	return w.Flush()
}

// printVerifiedStore says what verify found; each damaged entry is an error, too.
func (p *program) printVerifiedStore(g globals, v *store.Verification) error {
	if g.json {
		damaged := make([]string, len(v.Damaged))
		for i, err := range v.Damaged {
			damaged[i] = err.Error()
		}
		return p.printJSON(map[string]any{"checked": v.Checked, "damaged": damaged})
	}
	if !g.quiet {
		fmt.Fprintf(p.stderr, "%d entries checked, %d damaged and dropped\n", v.Checked, len(v.Damaged))
	}
	return nil
}
