package project

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// Init writes a first spec for what a directory holds, in one of the languages, and
// returns its path. It never overwrites one. display writes paths for errors.
func Init(ctx context.Context, dir string, languages lang.Table, display func(path string) string) (string, error) {
	file := filepath.Join(dir, pkgspec.SpecName)
	if _, err := os.Lstat(file); err == nil {
		return "", &existsError{path: display(file)}
	}
	text, err := renderFirstSpec(ctx, dir, languages)
	if err != nil {
		return "", err
	}
	if _, err := pkgspec.Parse(display(file), text, languages.Formats()...); err != nil {
		return "", fmt.Errorf("what was found makes no spec: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", &existsError{path: display(file)}
	}
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return file, errors.Join(err, f.Close())
}

// existsError says that there is a spec.
type existsError struct{ path string }

func (e *existsError) Error() string { return e.path + " is there already" }

// Hint says what to do.
func (e *existsError) Hint() string { return "edit it, or move it away first" }

// noLanguageError says that no language recognises a project.
type noLanguageError struct {
	dir      string
	looksFor []string
}

func (e *noLanguageError) Error() string {
	return e.dir + " has nothing of a language that envbuild knows"
}

// Hint says what is looked for.
func (e *noLanguageError) Hint() string {
	last := len(e.looksFor) - 1
	if last < 0 {
		return ""
	}
	return "run it where " + strings.Join(e.looksFor[:last], ", ") + " or " + e.looksFor[last] + " is"
}

// firstSpecData is what the template writes, quoted.
type firstSpecData struct {
	Name, Maintainer, Description string
	Git, EnvFile                  bool
	Language, Constraint, Because string
	Dependencies                  string
	Files, Exclude                []string
	Variables                     []lang.SketchVariable
	Services                      []lang.SketchService
}

// renderFirstSpec writes what the first language finds that recognises the
// directory.
func renderFirstSpec(ctx context.Context, dir string, languages lang.Table) ([]byte, error) {
	files := os.DirFS(dir)
	d := firstSpecData{Files: applicationFiles(files)}
	var looksFor []string
	for _, l := range languages {
		sketcher, ok := l.(lang.Sketcher)
		if !ok {
			continue
		}
		looksFor = append(looksFor, sketcher.LooksFor()...)
		sketch, ok, err := sketcher.Sketch(files)
		if err != nil {
			return nil, err
		}
		if ok {
			d.take(l.Name(), sketch)
			break
		}
	}
	if d.Language == "" {
		return nil, &noLanguageError{dir: dir, looksFor: looksFor}
	}
	git := func(args ...string) string { // git knows nothing of many projects
		out, _ := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSpace(string(out))
	}
	d.Name = packageName(path.Base(strings.TrimSuffix(git("remote", "get-url", "origin"), ".git")), filepath.Base(dir))
	d.Git = git("describe", "--tags") != ""
	if name, mail := git("config", "user.name"), git("config", "user.email"); name != "" && mail != "" {
		d.Maintainer = strconv.Quote(name + " <" + mail + ">")
	}
	d.Description = strconv.Quote(firstHeading(files, d.Name))
	_, err := fs.Stat(files, ".env")
	d.EnvFile = err == nil
	return templates.Render(templates.Spec, d)
}

// take quotes what a language found.
func (d *firstSpecData) take(language string, s lang.Sketch) {
	d.Language, d.Constraint, d.Because, d.Dependencies = language, strconv.Quote(s.Constraint), s.Because, s.Dependencies
	for _, f := range s.Files {
		d.Files = append(d.Files, strconv.Quote(f))
	}
	for _, f := range s.Exclude {
		d.Exclude = append(d.Exclude, strconv.Quote(f))
	}
	for _, v := range s.Variables {
		q := lang.SketchVariable{Name: v.Name, Value: strconv.Quote(v.Value)}
		for _, f := range v.Directories {
			q.Directories = append(q.Directories, strconv.Quote(f))
		}
		d.Variables = append(d.Variables, q)
	}
	for _, v := range s.Services {
		q := lang.SketchService{Name: v.Name}
		for _, a := range v.Run {
			q.Run = append(q.Run, strconv.Quote(a))
		}
		d.Services = append(d.Services, q)
	}
}

// packageName makes a Debian package's name of the first candidate of which one
// can be made.
func packageName(candidates ...string) string {
	for _, c := range candidates {
		name := regexp.MustCompile(`[^a-z0-9+.-]+`).ReplaceAllString(strings.ToLower(c), "-")
		name = strings.Trim(name, "+.-")
		if len(name) >= 2 {
			return name
		}
	}
	return "application"
}

// applicationFiles are the files and directories that applications ship, as far as
// they are here.
func applicationFiles(files fs.FS) []string {
	var out []string
	for _, name := range []string{
		"bin", "config", "etc", "lib", "public", "root", "script", "share", "sql", "static", "templates", "views",
	} {
		if fi, err := fs.Stat(files, name); err == nil && fi.IsDir() {
			out = append(out, name)
		}
	}
	return out
}

// firstHeading is what the README calls the project, or another name.
func firstHeading(files fs.FS, name string) string {
	for _, file := range []string{"README.md", "Readme.md", "README"} {
		f, err := files.Open(file)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		heading := ""
		for heading == "" && lines.Scan() {
			heading = strings.TrimSpace(strings.Trim(strings.TrimSpace(lines.Text()), "#="))
		}
		_ = f.Close() // it was only read
		if len(heading) > 1 && len(heading) < 80 && !strings.ContainsAny(heading, "[]<>`") {
			return heading
		}
	}
	return "the application " + name
}
