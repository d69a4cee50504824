package perl

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
)

// ABIError says that a runtime's Config doesn't tell what extensions rely on.
type ABIError struct{ File, Reason string }

func (e *ABIError) Error() string {
	return fmt.Sprintf("%s: %s, so it isn't known which extensions fit this perl", e.File, e.Reason)
}

// abiSettings are the variables of Config that decide whether an extension fits a
// perl: the layout of the interpreter's structures and the sizes of what goes
// across. perl checks some of them itself when it loads an extension ("handshake
// key"), but only then.
func abiSettings() []string {
	return []string{
		"archname", "usethreads", "useithreads", "usemultiplicity", "uselongdouble", "usequadmath", "use64bitint",
		"use64bitall", "usemymalloc", "useperlio", "uselargefiles", "usesocks", "intsize", "longsize", "ptrsize",
		"ivtype", "ivsize", "uvtype", "uvsize", "nvtype", "nvsize", "alignbytes", "doublekind", "longdblkind",
	}
}

// RuntimeABI reads what extensions rely on from the Config of the perl in tree.
func (*Perl) RuntimeABI(tree string) (lang.RuntimeABI, error) {
	pattern := filepath.Join(tree, "lib/perl5/*/*/Config_heavy.pl")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return lang.RuntimeABI{}, &ABIError{pattern, fmt.Sprintf("there are %d such files", len(found))}
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return lang.RuntimeABI{}, err
	}
	return parseABI(found[0], text)
}

func parseABI(file string, text []byte) (lang.RuntimeABI, error) {
	config := configValues(text)
	abi := lang.RuntimeABI{}
	for _, name := range append(abiSettings(), "api_revision", "api_version", "version", "ccflags") {
		if _, ok := config[name]; !ok {
			return abi, &ABIError{file, "it has no " + name}
		}
	}
	// Releases of a series take each other's extensions; development releases,
	// whose second number is odd, don't.
	abi.Series = config["api_revision"] + "." + config["api_version"]
	if strings.ContainsAny(abi.Series[len(abi.Series)-1:], "13579") {
		abi.Series = config["version"]
	}
	for _, name := range abiSettings() {
		abi.Settings = append(abi.Settings, name+"="+config[name])
	}
	abi.Settings = append(abi.Settings, abiFlags(config["ccflags"])...)
	slices.Sort(abi.Settings)
	abi.Settings = slices.Compact(abi.Settings)
	return abi, nil
}

// configValues reads the assignments in Config_heavy.pl: name='value', each on a
// line. Those of several lines are of no interest here.
func configValues(text []byte) map[string]string {
	values := map[string]string{}
	assignment := regexp.MustCompile(`^(\w+)='([^']*)'$`)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1) // some lines have thousands of bytes
	for lines.Scan() {
		if m := assignment.FindStringSubmatch(lines.Text()); m != nil {
			values[m[1]] = m[2]
		}
	}
	return values
}

// abiFlags are the compiler's flags that can change what headers declare and how
// arguments are passed: all but those that are known not to.
func abiFlags(ccflags string) []string {
	harmless := regexp.MustCompile(`^-(D_FORTIFY_SOURCE=.*|f(wrapv|(no-)?strict-aliasing|stack-protector.*|stack-clash-protection|` +
		`cf-protection.*|no-plt|(file|debug|macro)-prefix-map=.*|(no-)?delete-null-pointer-checks))$`)
	var out []string
	for _, f := range strings.Fields(ccflags) {
		if regexp.MustCompile(`^-[DUfm]`).MatchString(f) && !harmless.MatchString(f) {
			out = append(out, f)
		}
	}
	return out
}
