package deb

import (
	"reflect"
	"strings"

	"github.com/goreleaser/nfpm/v2"

	"github.com/envbuild/envbuild/pkgspec"
)

// shape compares a node with nfpm's types before it is decoded, because the
// decoder only says which type of Go has no such field, not where.
func (r *settingsReader) shape(n *pkgspec.Node) error {
	return r.shapeOf(n, reflect.TypeFor[nfpm.Config](), "package")
}

func (r *settingsReader) shapeOf(n *pkgspec.Node, t reflect.Type, at string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == pkgspec.Null {
		return nil
	}
	switch {
	case t.Kind() == reflect.Slice:
		return r.listShape(n, t, at)
	case t.Kind() == reflect.Map:
		return r.mapShape(n, at, func(*pkgspec.Node) (reflect.Type, bool) { return t.Elem(), true })
	case t.Kind() == reflect.Struct && t.PkgPath() != "time":
		fields := map[string]reflect.Type{}
		yamlFields(t, fields)
		return r.mapShape(n, at, func(key *pkgspec.Node) (reflect.Type, bool) {
			field, ok := fields[key.Text]
			return field, ok
		})
	}
	if err := decodeYAML(n, reflect.New(t).Interface()); err != nil || n.Kind == pkgspec.List || n.Kind == pkgspec.Map {
		return r.fail(n, "", "%s is a %s", at, scalarName(t))
	}
	return nil
}

func (r *settingsReader) listShape(n *pkgspec.Node, t reflect.Type, at string) error {
	if n.Kind != pkgspec.List {
		return r.fail(n, "write the values in brackets: [a, b]", "%s is a list", at)
	}
	for _, item := range n.Items {
		if err := r.shapeOf(item, t.Elem(), at); err != nil {
			return err
		}
	}
	return nil
}

func (r *settingsReader) mapShape(n *pkgspec.Node, at string, find func(*pkgspec.Node) (reflect.Type, bool)) error {
	if n.Kind != pkgspec.Map {
		return r.fail(n, "", "%s is a map", at)
	}
	for _, f := range n.Fields {
		t, ok := find(f.Key)
		if !ok {
			return r.fail(f.Key, "nfpm's reference lists the keys that it knows", "%s has no key %q", at, f.Key.Text)
		}
		if err := r.shapeOf(f.Value, t, at+"."+f.Key.Text); err != nil {
			return err
		}
	}
	return nil
}

// yamlFields lists the keys of a struct's fields, inlined ones included.
func yamlFields(t reflect.Type, into map[string]reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(options, "inline"):
			yamlFields(f.Type, into)
		case f.IsExported() && name != "-" && name != "":
			into[name] = f.Type
		}
	}
}

func scalarName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "time"
	default:
		return "number"
	}
}
