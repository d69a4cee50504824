package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst puts flags that stand behind arguments before them, since the library
// takes what follows an argument for arguments. What stands behind -- stays there,
// and so does all that belongs to the command of exec.
func flagsFirst(a *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out, rest := args[:1:1], args[1:]
	commands, flags := a.Commands, a.Flags
	for {
		n := leadingFlags(flags, rest)
		out, rest = append(out, rest[:n]...), rest[n:]
		if len(commands) == 0 || len(rest) == 0 || rest[0] == "--" {
			break
		}
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			return args
		}
		c := commands[i]
		out, rest = append(out, rest[0]), rest[1:]
		if c.Name == "exec" || c.SkipFlagParsing {
			return args
		}
		commands, flags = c.Subcommands, c.Flags
	}
	var plain []string
	for len(rest) > 0 && rest[0] != "--" {
		if n := leadingFlags(flags, rest); n > 0 {
			out, rest = append(out, rest[:n]...), rest[n:]
			continue
		}
		plain, rest = append(plain, rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		out = append(out, "--")
		plain = append(plain, rest[1:]...)
	}
	return append(out, plain...)
}

// leadingFlags counts the words that are flags, and their values, before the
// first that is neither.
func leadingFlags(flags []cli.Flag, words []string) int {
	n := 0
	for n < len(words) && len(words[n]) > 1 && words[n][0] == '-' && words[n] != "--" {
		name, _, hasValue := strings.Cut(strings.TrimLeft(words[n], "-"), "=")
		if !hasValue && takesValue(flags, name) {
			n++
		}
		n++
	}
	return min(n, len(words))
}

// takesValue reports whether the word behind a flag is its value.
func takesValue(flags []cli.Flag, name string) bool {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, alone := f.(*cli.BoolFlag)
			return !alone
		}
	}
	return false
}
