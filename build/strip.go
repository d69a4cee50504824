package build

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "embed" // the recipe

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/internal/elfedit"
	"github.com/envbuild/envbuild/internal/tree"
)

// stripRecipe calls strip(1) on what is in its work directory.
//
//go:embed strip.sh
var stripScript string

// StripRecipe is what steps are given whose compiled files are to be stripped.
func StripRecipe() plan.Recipe { return plan.Recipe{Name: "strip.sh", Script: stripScript, Version: 1} }

// strippable is a file that strip makes smaller.
type strippable struct {
	path string
	kind stripKind
	mode fs.FileMode
}

// stripKind says what of a file is needed: the recipe's word for it.
type stripKind string

const (
	stripProgram stripKind = "program"
	stripLibrary stripKind = "library"
	// stripObject is what is linked later, an archive of objects or one of them.
	stripObject stripKind = "object"
)

// strip takes out of the compiled files of an output what only debuggers read,
// as dh_strip does, so that local environment and package stay one tree. It runs
// in a sandbox of its own, because strip reads files that nobody vouches for.
// What strip can't read is left alone.
func (j *stepJob) strip(ctx context.Context, runner *sandbox.Sandbox, output, dir string, log io.Writer) (err error) {
	files, err := strippables(output)
	if err != nil || len(files) == 0 {
		return err
	}
	work, scratch := filepath.Join(dir, "strip"), filepath.Join(dir, "strip-scratch")
	if err := errors.Join(os.Mkdir(work, 0o755), os.Mkdir(scratch, 0o755)); err != nil {
		return err
	}
	var list strings.Builder
	for i, f := range files {
		name := strconv.Itoa(i)
		fmt.Fprintf(&list, "%s %s\n", name, f.kind)
		if err := tree.CopyFile(f.path, filepath.Join(work, name)); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{recipeFile: j.step.Strip.Script, "list": list.String()} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	res, err := runner.Run(ctx, sandbox.Command{
		// strip is found inside the sandbox, where steps find it.
		Argv: []string{"/bin/sh", "-eu", recipeFile}, Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"},
		Work: work, WorkPath: plan.WorkPath, Stdout: log, Stderr: log, Scratch: scratch,
	})
	if err != nil {
		return err
	}
	if res.ExitCode != 0 {
		return exitError(res)
	}
	for i, f := range files {
		if err := f.replace(filepath.Join(work, strconv.Itoa(i)+".out")); err != nil {
			return err
		}
	}
	return nil
}

// strippables lists the compiled files of a tree, a file of several names once.
func strippables(dir string) ([]strippable, error) {
	entries, err := tree.Scan(dir)
	if err != nil {
		return nil, err
	}
	var out []strippable
	for _, e := range entries {
		if e.Kind != tree.File {
			continue
		}
		kind, err := stripKindOf(e.Source)
		if err != nil {
			return nil, err
		}
		if kind != "" {
			out = append(out, strippable{e.Source, kind, e.Mode})
		}
	}
	return out, nil
}

// stripKindOf returns "" for what isn't compiled, or is damaged.
func stripKindOf(path string) (stripKind, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const archive = "!<arch>\n"
	magic := make([]byte, len(archive))
	switch _, err := io.ReadFull(f, magic); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "", nil
	case err != nil:
		return "", err
	case string(magic) == archive && filepath.Ext(path) == ".a":
		return stripObject, nil
	case !bytes.HasPrefix(magic, []byte(elf.ELFMAG)):
		return "", nil
	}
	info, err := elfedit.Read(f)
	if err != nil {
		return "", nil // no loader and no linker reads it either
	}
	switch {
	case info.Type == elf.ET_REL:
		return stripObject, nil
	case info.Type == elf.ET_EXEC, info.Type == elf.ET_DYN && info.Interp != "":
		return stripProgram, nil
	case info.Type == elf.ET_DYN:
		return stripLibrary, nil
	}
	return "", nil
}

// replace writes the stripped file over the old one, whose other names then have
// the new content too. Where the recipe left none, the old one stays.
func (s strippable) replace(stripped string) error {
	fi, err := os.Lstat(stripped)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("strip left no regular file of %s", s.path)
	}
	data, err := os.ReadFile(stripped)
	if err != nil {
		return err
	}
	if err := os.Chmod(s.path, s.mode.Perm()|0o200); err != nil { // MakeMaker installs read-only
		return err
	}
	return errors.Join(os.WriteFile(s.path, data, s.mode.Perm()), os.Chmod(s.path, s.mode.Perm()))
}
