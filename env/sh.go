package env

import (
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// ScriptPerm is the mode of the file that Script describes.
const ScriptPerm = 0o755

// RC returns the environment as a POSIX shell file that is sourced, with
// references left to the shell. file is the path at which it will stand.
//
// It works under set -eu, starts no process, can be sourced twice, and gives
// what Resolve gives with an empty Overlay; only an entry of a search path in
// which the caller's own variable brings a colon isn't noticed there.
func (e *Environment) RC(file string) ([]byte, error) { return e.rc(file, "") }

// ServerRC is RC for a server, where the file at the absolute path override, if
// there is one, has lines NAME=value that the server's administrator wrote. The
// result is what Resolve gives with these as an Overlay's Command. A mistake in
// them, or a file that can't be read, is a message and the status 1 from the dot
// command: half an environment would be worse.
func (e *Environment) ServerRC(file, override string) ([]byte, error) {
	if err := checkFile(override); err != nil {
		return nil, err
	}
	return e.rc(file, override)
}

func (e *Environment) rc(file, override string) ([]byte, error) {
	if _, err := e.Resolve(nil, Overlay{}); err != nil {
		return nil, err
	}
	if err := checkFile(file); err != nil {
		return nil, err
	}
	data := rcData{File: quote(file)}
	if override != "" {
		data.Override, data.OverrideComment, data.Kept = quote(override), override, e.kept()
	}
	for i, v := range e.vars {
		line := e.rcVar(v, e.vars[:i])
		line.Open = override != "" && (line.Kind != "list") && (i >= e.pinned || v.Kind == Unset)
		data.SearchPaths = data.SearchPaths || line.Kind == "list"
		data.Vars = append(data.Vars, line)
	}
	return templates.Render(templates.EnvRC, data)
}

// Script returns the POSIX shell script that replaces itself by a command in
// the environment of the shell file at the absolute path rc.
func Script(rc string) ([]byte, error) {
	if err := checkFile(rc); err != nil {
		return nil, err
	}
	return templates.Render(templates.EnvSh, rcData{File: quote(rc)})
}

// kept is the pattern of a shell for the names that no override may have.
func (e *Environment) kept() string {
	names := append(shellNames(), "BASH*", "envbuild_*")
	for _, v := range e.vars[:e.pinned] {
		if v.Kind != Unset && v.Kind != Prepend {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, " | ")
}

type rcData struct {
	File        string
	SearchPaths bool
	Vars        []rcVar
	// Override is the file of the server's own values or empty, OverrideComment the
	// same without quotes, and Kept the pattern of the names that it may not set.
	Override, OverrideComment, Kept string
}

// rcVar is a Var in the words of env.rc.tmpl, quoted.
type rcVar struct {
	Name string
	Kind string // set, unset or list
	// Start is the list before Values are put first, one after the other.
	Start  string
	Values []string
	// Open says that the server's administrator may have given it a value.
	Open bool
}

func (e *Environment) rcVar(v Var, earlier []Var) rcVar {
	line := rcVar{Name: v.Name, Kind: "list"}
	for _, value := range slices.Backward(v.Values) {
		line.Values = append(line.Values, quoteValue(value, earlier))
	}
	switch {
	case v.Kind == Unset:
		line.Kind = "unset"
	case v.Kind == Set || v.Kind == Path && len(v.Values) == 1:
		line.Kind = "set"
	case v.Kind == Prepend:
		line.Start = "${" + v.Name + "-}"
	}
	return line
}

// quoteValue writes v as one word of the shell. A variable that may be the
// caller's is read in the form that set -u allows.
func quoteValue(v pkgspec.Value, earlier []Var) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, p := range v {
		known := slices.ContainsFunc(earlier, func(w Var) bool { return w.Name == p.Ref && w.Kind != Unset })
		switch {
		case p.Ref == "":
			escape(&b, p.Literal)
		case known:
			b.WriteString("${" + p.Ref + "}")
		default:
			b.WriteString("${" + p.Ref + "-}")
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Word writes v as one word of a POSIX shell that has its variables, whatever v
// holds. It works under set -u.
func Word(v pkgspec.Value) string { return quoteValue(v, nil) }

// quote writes s in the one encoding that bash, dash and systemd's
// EnvironmentFile decode alike: double quotes, in which a backslash stands
// before ", \, $ and ` and before nothing else.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	escape(&b, s)
	b.WriteByte('"')
	return b.String()
}

func escape(b *strings.Builder, s string) {
	for i := range len(s) {
		if strings.IndexByte("\"\\$`", s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
}

// FileError is a path at which a shell file can't stand.
type FileError struct{ Path, Reason string }

func (e *FileError) Error() string {
	return "path " + strings.ToValidUTF8(e.Path, "?") + ": " + e.Reason
}

func checkFile(file string) error {
	switch {
	case !path.IsAbs(file):
		return &FileError{file, "is not absolute"}
	case strings.ContainsAny(file, "\x00\r\n"):
		return &FileError{file, "holds a line break or NUL"}
	}
	return nil
}
