package perl

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

var (
	packageStatement  = regexp.MustCompile(`^\s*package\s+([A-Za-z_][\w:]*)(?:\s+(v?[\d._]+))?\s*[;{]`)
	versionAssignment = regexp.MustCompile(`\$(?:[\w:]+::)?VERSION\s*=\s*['"]?(v?\d[\d._]*)`)
)

// scanPackages finds the packages that a module's source declares and the versions
// that it gives them as plain numbers or strings. It is for archives of which no
// index and no META says what is inside.
func scanPackages(source []byte) []pkgspec.Module {
	var out []pkgspec.Module
	pod := false
	lines := bufio.NewScanner(bytes.NewReader(source))
	lines.Buffer(nil, maxMemberBytes)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "=cut"):
			pod = false
		case len(line) > 1 && line[0] == '=' && isWordStart(line[1]):
			pod = true
		case line == "__END__" || line == "__DATA__":
			return out
		case pod || strings.HasPrefix(strings.TrimSpace(line), "#"):
		default:
			if m := packageStatement.FindStringSubmatch(line); m != nil && isModuleName(m[1]) {
				out = append(out, pkgspec.Module{Name: m[1], Version: orUndef(m[2])})
			}
			if m := versionAssignment.FindStringSubmatch(line); m != nil && len(out) > 0 && out[len(out)-1].Version == "undef" {
				out[len(out)-1].Version = m[1]
			}
		}
	}
	return out
}

func orUndef(version string) string {
	if version == "" {
		return "undef"
	}
	return version
}
