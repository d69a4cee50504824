package perl

import (
	_ "embed" // the recipes
	"strings"
)

//go:embed recipes/runtime.sh
var runtimeRecipe string

//go:embed recipes/distribution.sh
var distributionRecipe string

//go:embed recipes/static.pl
var staticInstaller string

// The versions of what the recipes mean, for changes that their text doesn't
// show: it is part of a step's key itself.
const (
	runtimeRecipeVersion      = 1
	distributionRecipeVersion = 1
)

// parameter is a shell variable that a recipe reads.
type parameter struct{ name, value string }

// renderRecipe puts the assignments of a recipe's parameters and arguments
// before its text. They are shell variables and not part of the environment, so
// that no Makefile.PL comes to depend on them.
func renderRecipe(text string, parameters []parameter, arguments []string) string {
	var b strings.Builder
	for _, p := range parameters {
		b.WriteString(p.name + "=" + quoteShell(p.value) + "\n")
	}
	b.WriteString("set --")
	for _, a := range arguments {
		b.WriteString(" " + quoteShell(a))
	}
	b.WriteString("\n\n" + text)
	return b.String()
}

// quoteShell makes one word of s for a POSIX shell.
func quoteShell(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
