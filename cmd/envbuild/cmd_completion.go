package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/templates"
)

// completionShells are those for which there is a script.
func completionShells() []string { return []string{"bash", "zsh", "fish"} }

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script of a shell",
		ArgsUsage: strings.Join(completionShells(), "|"),
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(completionShells(), shell) {
				return &usageError{
					message: "completion takes the name of a shell: " + strings.Join(completionShells(), ", "),
					hint:    `in bash: eval "$(envbuild completion bash)"`,
				}
			}
			text, err := templates.Render("completion."+shell+".tmpl", completionOf(c.App))
			if err != nil {
				return err
			}
			_, err = p.stdout.Write(text)
			return err
		},
	}
}

// completion is the command line as the scripts see it. They are made of it once
// and never start envbuild: the library's own completion would run the command
// behind exec.
type completion struct {
	// Global are the flags that all verbs have.
	Global []completionFlag
	// Verbs are sorted; those below another have both names.
	Verbs []completionVerb
}

type completionVerb struct {
	// Name is "build", or "cache gc".
	Name, Usage string
	Flags       []completionFlag
	// Subs are the names of verbs below this one.
	Subs []string
	// Value says what its arguments are.
	Value completionValue
}

// completionFlag is one flag, with all its spellings: "-j", "--jobs".
type completionFlag struct {
	Names []string
	Usage string
	// Takes says that a value follows.
	Takes bool
	Value completionValue
}

// completionValue is what can stand for a value: some words, a kind, or neither.
type completionValue struct {
	Words []string
	// Kind is "name" (of a distribution), "file", "directory", "command" or empty.
	Kind string
}

func completionOf(a *cli.App) completion {
	c := completion{Global: flagsOf(globalFlags(), nil)}
	for _, v := range a.Commands {
		c.addVerb("", v)
	}
	slices.SortFunc(c.Verbs, func(a, b completionVerb) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

func (c *completion) addVerb(above string, v *cli.Command) {
	if v.Hidden || v.Name == "help" {
		return
	}
	verb := completionVerb{
		Name: strings.TrimSpace(above + " " + v.Name), Usage: v.Usage,
		Flags: flagsOf(v.Flags, c.Global), Value: valueOf(v.ArgsUsage),
	}
	for _, sub := range v.Subcommands {
		if !sub.Hidden && sub.Name != "help" {
			verb.Subs = append(verb.Subs, sub.Name)
			c.addVerb(verb.Name, sub)
		}
	}
	slices.Sort(verb.Subs)
	c.Verbs = append(c.Verbs, verb)
}

// flagsOf describes flags, without those that are known already.
func flagsOf(flags []cli.Flag, known []completionFlag) []completionFlag {
	var out []completionFlag
	for _, f := range flags {
		described, ok := f.(cli.DocGenerationFlag)
		if !ok || slices.ContainsFunc(known, func(k completionFlag) bool { return slices.Equal(k.Names, spellings(f)) }) {
			continue
		}
		usage := described.GetUsage()
		flag := completionFlag{Names: spellings(f), Usage: strings.ReplaceAll(usage, "`", ""), Takes: described.TakesValue()}
		if m := regexp.MustCompile("`([^`]+)`").FindStringSubmatch(usage); m != nil && flag.Takes {
			flag.Value = valueOf(m[1])
		}
		out = append(out, flag)
	}
	return out
}

func spellings(f cli.Flag) []string {
	var out []string
	for _, name := range f.Names() {
		if len(name) == 1 {
			out = append(out, "-"+name)
		} else {
			out = append(out, "--"+name)
		}
	}
	return out
}

// valueOf reads what the help calls a value: "auto|plain" are words, DIR is a
// directory.
func valueOf(placeholder string) completionValue {
	text := strings.Trim(placeholder, "[]… ")
	switch {
	case regexp.MustCompile(`^[a-z]+(\|[a-z]+)+$`).MatchString(text):
		return completionValue{Words: strings.Split(text, "|")}
	case strings.Contains(text, "CMD"):
		return completionValue{Kind: "command"}
	case text == "NAME":
		return completionValue{Kind: "name"}
	case strings.HasPrefix(text, "DIR"):
		return completionValue{Kind: "directory"}
	case text == "FILE", text == "F", strings.HasPrefix(text, "DEB"), text == "A B":
		return completionValue{Kind: "file"}
	}
	return completionValue{}
}

// Joined is a flag's spellings as a pattern of case.
func (f completionFlag) Joined(before string) string {
	var out []string
	for _, n := range f.Names {
		out = append(out, fmt.Sprintf("%q", before+n))
	}
	return strings.Join(out, "|")
}

// Spec is a flag in the words of zsh's _arguments.
func (f completionFlag) Spec() string {
	text := "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace(f.Usage) + "]"
	if f.Takes {
		text += ":value:" + f.Value.Zsh()
	}
	if len(f.Names) == 1 {
		return "'*" + f.Names[0] + text + "'"
	}
	return "'*'{" + strings.Join(f.Names, ",") + "}'" + text + "'"
}

// Zsh is a value's action in _arguments.
func (v completionValue) Zsh() string {
	switch {
	case len(v.Words) > 0:
		return "(" + strings.Join(v.Words, " ") + ")"
	case v.Kind == "name":
		return "_envbuild_names"
	case v.Kind == "file":
		return "_files"
	case v.Kind == "directory":
		return "_files -/"
	}
	return " "
}

// Bash is the command that prints what a value can be.
func (v completionValue) Bash() string {
	switch {
	case len(v.Words) > 0:
		return `compgen -W "` + strings.Join(v.Words, " ") + `" -- "$cur"`
	case v.Kind == "name":
		return `compgen -W "$(_envbuild_names)" -- "$cur"`
	case v.Kind == "file":
		return `compgen -f -- "$cur"`
	case v.Kind == "directory":
		return `compgen -d -- "$cur"`
	}
	return "true"
}

// Fish is a value's list for complete -a, with the flag for files.
func (v completionValue) Fish() string {
	switch {
	case len(v.Words) > 0:
		return "-x -a '" + strings.Join(v.Words, " ") + "'"
	case v.Kind == "name":
		return "-x -a '(__envbuild_names)'"
	case v.Kind == "file":
		return "-r -F"
	case v.Kind == "directory":
		return "-x -a '(__fish_complete_directories)'"
	}
	return "-x"
}

// FishNames are a flag's spellings as options of complete.
func (f completionFlag) FishNames() string {
	var out []string
	for _, n := range f.Names {
		if short := strings.TrimPrefix(n, "-"); len(short) == 1 {
			out = append(out, "-s "+short)
		} else {
			out = append(out, "-l "+strings.TrimPrefix(n, "--"))
		}
	}
	return strings.Join(out, " ")
}

// Top reports whether a verb isn't below another.
func (v completionVerb) Top() bool { return !strings.Contains(v.Name, " ") }

// Last is a verb's own name.
func (v completionVerb) Last() string { return v.Name[strings.LastIndex(v.Name, " ")+1:] }

// Described is a verb in the words of zsh's _describe.
func (v completionVerb) Described() string { return singleQuoted(v.Name + ":" + v.Usage) }

// Quoted is a description in single quotes.
func (v completionVerb) Quoted() string { return singleQuoted(v.Usage) }

// Quoted is a description in single quotes.
func (f completionFlag) Quoted() string { return singleQuoted(f.Usage) }

func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
