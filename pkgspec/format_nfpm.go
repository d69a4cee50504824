package pkgspec

import "slices"

// nfpmKeys takes the keys of the package section that are nfpm's, by the names
// of its v2.45 configuration, and holds them as they were written. A key that is
// neither's is a slip; one that envbuild decides itself says where it is given.
func nfpmKeys() *others[Package] {
	passed := []string{
		"apk", "arch", "archlinux", "changelog", "conflicts", "contents", "deb", "epoch", "homepage", "ipk",
		"license", "overrides", "priority", "provides", "recommends", "replaces", "rpm", "scripts", "section",
		"suggests", "vendor",
	}
	ours := map[string]string{
		"name":             "write name at the top of the spec",
		"version":          "write version at the top of the spec",
		"maintainer":       "write maintainer at the top of the spec",
		"description":      "write description at the top of the spec",
		"release":          "write revision instead",
		"prerelease":       "write it into version, after a tilde: 2.0~rc1",
		"version_metadata": "write it into version, after a plus: 2.0+git1",
		"version_schema":   "delete it: versions are Debian's, as written",
		"platform":         "delete it: packages are for Linux",
		"mtime":            "set SOURCE_DATE_EPOCH; else it is the date that the lock records",
		"umask":            "delete it: the modes of files don't depend on it",
		"disable_globbing": "delete it",
	}
	known := append([]string{"prefix", "revision", "releases", "depends", "unchecked"}, passed...)
	return &others[Package]{
		schema: schema{},
		read: func(d *decoder, f Field, at string, into *Package) bool {
			name := f.Key.Text
			if hint, ok := ours[name]; ok {
				d.fail(f.Key, "", at+"."+name+" is decided by envbuild", hint)
				return false
			}
			if !slices.Contains(passed, name) {
				d.unknownKey(f.Key, at, known)
				return false
			}
			if into.Nfpm == nil {
				into.Nfpm = &Node{Line: f.Key.Line, Col: f.Key.Col, Kind: Map}
			}
			into.Nfpm.Fields = append(into.Nfpm.Fields, f)
			return true
		},
	}
}
