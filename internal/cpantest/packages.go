package cpantest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// undef is the version of a module that has none, as CPAN's index writes it.
const undef = "undef"

// module is a package, its version and the file that declares it.
type module struct{ Name, Version, File string }

var (
	packagePattern = regexp.MustCompile(`^[ \t]*package[ \t]+([A-Za-z_][\w:']*)[ \t]*(v?[0-9][0-9._]*)?[ \t]*[;{]`)
	versionPattern = regexp.MustCompile(`[$*]((?:\w+::)*)VERSION\b[^=;]*=[ \t]*(?:(?:version->(?:new|parse|declare)|qv)[ \t]*\()?[ \t]*["']?(v?[0-9][0-9._]*)`)
)

// scanFiles finds the packages in the modules among files, sorted by name.
func scanFiles(files map[string]string) []module {
	found := map[string]module{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !isModule(name) {
			continue
		}
		for _, m := range scanModule(files[name]) {
			m.File = name
			if old, ok := found[m.Name]; !ok || old.Version == undef {
				found[m.Name] = m
			}
		}
	}
	return sortedModules(found)
}

func sortedModules(found map[string]module) []module {
	var out []module
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// isModule reports whether the file at a path below the distribution's directory
// is one that PAUSE would index.
func isModule(name string) bool {
	if !strings.HasSuffix(name, ".pm") {
		return false
	}
	top, _, _ := strings.Cut(name, "/")
	return !slices.Contains([]string{"t", "xt", "inc", "eg", "ex", "example", "examples", "share", "author", "maint", "local", "blib", "fatlib", "perl5"}, top)
}

// scanModule finds the package statements of a module's source and the versions
// that are set with a literal, in the order of the file. It sees what PAUSE sees:
// a package whose name is on another line than the keyword is hidden.
func scanModule(source string) []module {
	var order []string
	versions := map[string]string{}
	current := "main"
	inPod := false
	for line := range strings.Lines(source) {
		if strings.HasPrefix(line, "=") && len(line) > 1 && line[1] >= 'a' && line[1] <= 'z' {
			inPod = !strings.HasPrefix(line, "=cut")
			continue
		}
		if inPod || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if strings.HasPrefix(line, "__END__") || strings.HasPrefix(line, "__DATA__") {
			break
		}
		if m := packagePattern.FindStringSubmatch(line); m != nil {
			current = strings.ReplaceAll(m[1], "'", "::")
			if _, ok := versions[current]; !ok {
				order = append(order, current)
				versions[current] = undef
			}
			if m[2] != "" {
				versions[current] = m[2]
			}
		}
		if m := versionPattern.FindStringSubmatch(line); m != nil {
			owner := strings.TrimSuffix(m[1], "::")
			if owner == "" {
				owner = current
			}
			if v, ok := versions[owner]; ok && v == undef {
				versions[owner] = m[2]
			}
		}
	}
	var out []module
	for _, name := range order {
		if name != "main" && name != "DB" && !strings.HasPrefix(name, "_") {
			out = append(out, module{Name: name, Version: versions[name]})
		}
	}
	return out
}

// archiveModules lists what the archive of a distribution provides: what its
// META.json says, else what its files declare.
func archiveModules(name string, data []byte) ([]module, error) {
	entries, err := readTar(name, bytes.NewReader(data), func(p string) bool {
		_, below, ok := strings.Cut(p, "/")
		return ok && (below == "META.json" || isModule(below))
	})
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, e := range entries {
		_, below, _ := strings.Cut(e.Name, "/")
		files[below] = string(e.Body)
	}
	if text, ok := files["META.json"]; ok {
		modules, err := metaModules([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s: META.json: %w", path.Base(name), err)
		}
		if len(modules) > 0 {
			return modules, nil
		}
	}
	return withNamesake(path.Base(name), scanFiles(files)), nil
}

// withNamesake adds the module for which an archive is named if nothing in it
// is. common-sense makes its only module while it is built.
func withNamesake(archive string, modules []module) []module {
	release := strings.TrimSuffix(archive, ".tar.gz")
	if slices.ContainsFunc(modules, func(m module) bool { return named(release, m.Name) > 0 }) {
		return modules
	}
	i := strings.LastIndexByte(release, '-')
	if i < 0 {
		return modules
	}
	return append(modules, module{Name: strings.ReplaceAll(release[:i], "-", "::"), Version: release[i+1:]})
}

func metaModules(text []byte) ([]module, error) {
	var m struct {
		Provides map[string]provided `json:"provides"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	found := map[string]module{}
	for name, p := range m.Provides {
		version := undef
		if p.Version != nil {
			version = fmt.Sprint(p.Version)
		}
		found[name] = module{name, version, p.File}
	}
	return sortedModules(found), nil
}
