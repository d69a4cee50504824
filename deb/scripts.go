package deb

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goreleaser/nfpm/v2"
)

// Scripts are the texts of maintainer scripts; an empty one is left out. Those of
// envbuild are parts of POSIX shell scripts, without a first line.
type Scripts struct {
	PreInst, PostInst, PreRm, PostRm string
}

// ScriptError says that a user's script can't be put behind envbuild's.
type ScriptError struct{ Name, Interpreter string }

func (e *ScriptError) Error() string {
	return fmt.Sprintf("the package's %s is a script for %q, and envbuild has a part of its own in it", e.Name, e.Interpreter)
}

// Hint says what to do.
func (e *ScriptError) Hint() string {
	return "begin the script with #!/bin/sh, or let it call a program that the package holds"
}

// joinScripts puts the user's scripts behind envbuild's.
func joinScripts(ours, users Scripts) (out Scripts, err error) {
	for _, s := range []struct {
		name        string
		ours, users string
		out         *string
	}{
		{"preinst", ours.PreInst, users.PreInst, &out.PreInst},
		{"postinst", ours.PostInst, users.PostInst, &out.PostInst},
		{"prerm", ours.PreRm, users.PreRm, &out.PreRm},
		{"postrm", ours.PostRm, users.PostRm, &out.PostRm},
	} {
		if *s.out, err = joinScript(s.name, s.ours, s.users); err != nil {
			return out, err
		}
	}
	return out, nil
}

func joinScript(name, ours, users string) (string, error) {
	const head = "#!/bin/sh\nset -e\n"
	first, body, _ := strings.Cut(users, "\n")
	interpreter, ok := strings.CutPrefix(first, "#!")
	switch {
	case ours == "" && (ok || users == ""):
		return users, nil
	case !ok: // dpkg executes the file, so it needs a first line
		return head + ours + users, nil
	}
	if !isShell(interpreter) {
		return "", &ScriptError{name, strings.TrimSpace(interpreter)}
	}
	return head + ours + body, nil
}

// isShell reports whether a line behind #! means the shell that envbuild's own
// parts are for.
func isShell(interpreter string) bool {
	return regexp.MustCompile(`^\s*/bin/sh(\s+-[eux]+)?\s*$`).MatchString(interpreter)
}

// CheckShell fails with a *SettingError if a user's script is for another
// interpreter than /bin/sh. It is for packages in whose scripts envbuild has parts
// of its own, before anything is built for them.
func (s *Settings) CheckShell() error {
	if s == nil || s.foreign == nil {
		return nil
	}
	return s.foreign
}

// save writes the scripts to a directory, since nfpm reads files.
func (s Scripts) save(dir string) (nfpm.Scripts, error) {
	var out nfpm.Scripts
	for _, f := range []struct {
		name, text string
		out        *string
	}{
		{"preinst", s.PreInst, &out.PreInstall},
		{"postinst", s.PostInst, &out.PostInstall},
		{"prerm", s.PreRm, &out.PreRemove},
		{"postrm", s.PostRm, &out.PostRemove},
	} {
		if f.text == "" {
			continue
		}
		*f.out = filepath.Join(dir, f.name)
		if err := os.WriteFile(*f.out, []byte(f.text), 0o600); err != nil {
			return out, err
		}
	}
	return out, nil
}
