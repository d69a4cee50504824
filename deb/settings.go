package deb

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"go.yaml.in/yaml/v3"

	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// Settings are the spec's keys that are nfpm's own, checked and with the files
// that they name read. A nil *Settings has none.
type Settings struct {
	decoded  nfpm.Info
	contents []tree.Entry
	users    Scripts
	foreign  *SettingError // the first script that isn't for /bin/sh, or nil
}

// SettingError says what is wrong with one of nfpm's keys, and where.
type SettingError struct {
	File string
	// Line and Col count from 1.
	Line, Col int
	Message   string
	hint      string
	cause     error
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
}

// Hint says what to do, or is empty.
func (e *SettingError) Hint() string { return e.hint }

func (e *SettingError) Unwrap() error { return e.cause }

// settingsReader decodes the keys of one spec.
type settingsReader struct {
	file, dir string
}

func (r *settingsReader) fail(n *pkgspec.Node, hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &SettingError{r.file, n.Line, n.Col, err.Error(), hint, errors.Unwrap(err)}
}

// ReadSettings decodes the node that pkgspec holds nfpm's keys in (nil gives nil)
// as nfpm does, with the overrides for deb applied. file names the spec in errors;
// relative paths are below dir. It reads the scripts and lists the contents, so
// what they name must be there.
func ReadSettings(file, dir string, node *pkgspec.Node) (*Settings, error) {
	if node == nil {
		return nil, nil
	}
	r := &settingsReader{file, dir}
	if err := r.shape(node); err != nil {
		return nil, err
	}
	if err := r.refuse(node); err != nil {
		return nil, err
	}
	var config nfpm.Config
	if err := decodeYAML(node, &config); err != nil {
		return nil, r.fail(node, "", "package: %w", err)
	}
	info, err := config.Get("deb")
	if err != nil {
		return nil, r.fail(node, "", "package.overrides: %w", err)
	}
	s := &Settings{decoded: *info}
	if err := r.readFiles(node, s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, r.fail(at(node, err), hint.Of(err), "%w", err)
	}
	return s, nil
}

func decodeYAML(n *pkgspec.Node, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(n.YAML()))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// at returns the node of the key that an error is about, or n.
func at(n *pkgspec.Node, err error) *pkgspec.Node {
	var m *MetaError
	if !errors.As(err, &m) {
		return n
	}
	for _, in := range []*pkgspec.Node{lookup(n, "overrides", "deb"), n, n.Get("deb")} {
		if found := lookup(in, m.Field); found != nil {
			return found
		}
	}
	return n
}

// lookup follows keys; what isn't there is nil.
func lookup(n *pkgspec.Node, keys ...string) *pkgspec.Node {
	for _, k := range keys {
		if n == nil {
			return nil
		}
		n = n.Get(k)
	}
	return n
}

// refuse finds the keys that nfpm knows and that would make the package depend
// on the machine, or contradict what envbuild decides.
func (r *settingsReader) refuse(node *pkgspec.Node) error {
	for _, in := range []*pkgspec.Node{node, lookup(node, "overrides", "deb")} {
		for _, k := range []struct {
			keys         []string
			reason, hint string
		}{
			{[]string{"arch"}, "is that of the compiled files", "delete it"},
			{[]string{"deb", "arch"}, "is that of the compiled files", "delete it"},
			{[]string{"umask"}, "has no influence on the package", "delete it"},
			{[]string{"deb", "signature"}, "can't be kept: the signature would change with every build, and apt doesn't look at it", "sign the repository that the package is published to"},
		} {
			if n := lookup(in, k.keys...); n != nil {
				return r.fail(n, k.hint, "package.%s %s", strings.Join(k.keys, "."), k.reason)
			}
		}
	}
	return nil
}

// readFiles reads the scripts and the contents.
func (r *settingsReader) readFiles(node *pkgspec.Node, s *Settings) error {
	info := &s.decoded
	for _, f := range []struct {
		key, path string
		text      *string
	}{
		{"preinstall", info.Scripts.PreInstall, &s.users.PreInst},
		{"postinstall", info.Scripts.PostInstall, &s.users.PostInst},
		{"preremove", info.Scripts.PreRemove, &s.users.PreRm},
		{"postremove", info.Scripts.PostRemove, &s.users.PostRm},
	} {
		if f.path == "" {
			continue
		}
		text, err := os.ReadFile(r.path(f.path))
		if err != nil {
			return r.fail(r.keyOf(node, "scripts", f.key), "", "package.scripts.%s: %w", f.key, err)
		}
		*f.text = string(text)
		first, _, _ := strings.Cut(string(text), "\n")
		if interpreter, ok := strings.CutPrefix(first, "#!"); ok && !isShell(interpreter) && s.foreign == nil {
			n := r.keyOf(node, "scripts", f.key)
			e := &ScriptError{"scripts." + f.key, strings.TrimSpace(interpreter)}
			s.foreign = &SettingError{r.file, n.Line, n.Col, e.Error(), e.Hint(), e}
		}
	}
	for _, f := range []struct {
		keys []string
		path *string
	}{
		{[]string{"changelog"}, &info.Changelog},
		{[]string{"deb", "scripts", "rules"}, &info.Deb.Scripts.Rules},
		{[]string{"deb", "scripts", "templates"}, &info.Deb.Scripts.Templates},
		{[]string{"deb", "scripts", "config"}, &info.Deb.Scripts.Config},
	} {
		if *f.path == "" {
			continue
		}
		*f.path = r.path(*f.path)
		if _, err := os.Stat(*f.path); err != nil {
			return r.fail(r.keyOf(node, f.keys...), "", "package.%s: %w", strings.Join(f.keys, "."), err)
		}
	}
	return r.readContents(node, s)
}

// keyOf returns where a key stands, in the overrides or outside.
func (r *settingsReader) keyOf(node *pkgspec.Node, keys ...string) *pkgspec.Node {
	return cmp.Or(lookup(lookup(node, "overrides", "deb"), keys...), lookup(node, keys...), node)
}

func (r *settingsReader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}

// check looks at what would spoil the control file.
func (s *Settings) check() error {
	info := &s.decoded
	for _, list := range []struct {
		field  string
		values []string
	}{
		{"recommends", info.Recommends}, {"suggests", info.Suggests}, {"conflicts", info.Conflicts},
		{"replaces", info.Replaces}, {"provides", info.Provides}, {"depends", info.Depends},
		{"breaks", info.Deb.Breaks}, {"predepends", info.Deb.Predepends},
	} {
		if err := checkRelationships(list.field, list.values); err != nil {
			return err
		}
	}
	t := info.Deb.Triggers
	for _, trigger := range slices.Concat(t.Interest, t.InterestAwait, t.InterestNoAwait, t.Activate, t.ActivateAwait, t.ActivateNoAwait) {
		if err := checkField("triggers", trigger, `[!-~]+`, "a trigger is a name or a path"); err != nil {
			return err
		}
	}
	for _, f := range []struct{ field, value, grammar, hint string }{
		{"epoch", info.Epoch, epochGrammar, "write a number"},
		{"arch_variant", info.Deb.ArchVariant, `[a-z0-9-]*`, "write it as Debian does: amd64v3"},
		{"compression", info.Deb.Compression, `(zstd(:[0-9]{1,2})?|gzip(:[0-9])?|xz|none)?`, "write xz, zstd, zstd:LEVEL, gzip, gzip:LEVEL or none"},
		{"license", info.License, `[ -~]*`, "write a licence's short name: MIT, Artistic-2.0"},
	} {
		if err := checkField(f.field, f.value, f.grammar, f.hint); err != nil {
			return err
		}
	}
	return checkFields(info.Deb.Fields)
}

// checkFields refuses control fields that nfpm or envbuild write, and values that
// would end the paragraph.
func checkFields(fields map[string]string) error {
	ours := []string{
		"package", "version", "section", "priority", "architecture", "architecture-variant", "maintainer",
		"installed-size", "replaces", "provides", "pre-depends", "depends", "recommends", "suggests", "conflicts",
		"breaks", "homepage", "description",
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if slices.Contains(ours, strings.ToLower(name)) {
			return &MetaError{"fields", name, "has a key of its own", "write it where the spec has a place for it"}
		}
		if err := checkField("fields", name, `[A-Za-z][!-9;-~]*`, "write the name of a control field"); err != nil {
			return err
		}
		if regexp.MustCompile(`\r|\x00|\n(\s*\n|\S|\s*\z)`).MatchString(fields[name]) {
			return &MetaError{"fields", name, "has a value with a line that doesn't continue it", "begin each further line with a space and some text"}
		}
	}
	return nil
}

// info returns what nfpm is given of the settings.
func (s *Settings) info() *nfpm.Info {
	if s == nil {
		return &nfpm.Info{}
	}
	info := s.decoded
	info.Contents, info.Scripts = nil, nfpm.Scripts{}
	info.Deb.Fields = maps.Clone(info.Deb.Fields) // nfpm's own packagers may change what they are given
	return &info
}

// complete adds what the user set to the metadata.
func (s *Settings) complete(m Meta) Meta {
	if s != nil {
		m.Section = cmp.Or(s.decoded.Section, m.Section)
		m.Priority = cmp.Or(s.decoded.Priority, m.Priority)
		m.Homepage = cmp.Or(s.decoded.Homepage, m.Homepage)
		m.Depends = slices.Concat(m.Depends, s.decoded.Depends)
	}
	m.Section, m.Priority = cmp.Or(m.Section, "misc"), cmp.Or(m.Priority, "optional")
	return m
}

func (s *Settings) entries() []tree.Entry {
	if s == nil {
		return nil
	}
	return s.contents
}

// Contents are the entries of package.contents.
func (s *Settings) Contents() []tree.Entry { return slices.Clone(s.entries()) }

func (s *Settings) scripts() Scripts {
	if s == nil {
		return Scripts{}
	}
	return s.users
}

func (s *Settings) license() string {
	if s == nil {
		return ""
	}
	return s.decoded.License
}

// compression is what the spec asks for, as Request has it, or "".
func (s *Settings) compression() string {
	if s == nil {
		return ""
	}
	return s.decoded.Deb.Compression
}
