package dpkg

import "testing"

func TestLinkable(t *testing.T) {
	d := newDatabase("/", `Package: libc6
Status: install ok installed

Package: libc6-dev
Status: install ok installed
Depends: libc6 (= 2.36), libnsl-dev

Package: libnsl-dev
Status: install ok installed

Package: zlib1g
Status: install ok installed
Priority: required

Package: libssl3
Status: install ok installed

Package: libssl-dev
Status: install ok installed
Depends: libssl3 (= 3.0), libengine

Package: libengine1
Status: install ok installed
Provides: libengine
Depends: libgcc-s1

Package: libgcc-s1
Status: install ok installed
`)
	base := []string{"libc6", "libc6-dev"}
	for _, c := range []struct {
		declared []string
		name     string
		want     bool
	}{
		{nil, "libc6", true},
		{nil, "libnsl-dev", false}, // of the base nothing but its own
		{nil, "zlib1g", false},     // every system has it, and nobody said that it is used
		{nil, "libssl3", false},
		{[]string{"libssl-dev"}, "libssl-dev", true},
		{[]string{"libssl-dev"}, "libssl3", true},
		{[]string{"libssl-dev"}, "libengine1", true}, // by another name
		{[]string{"libssl-dev"}, "libgcc-s1", true},  // of a dependency's dependency
		{[]string{"libssl-dev"}, "zlib1g", false},
		{[]string{"zlib1g"}, "zlib1g", true},
		{[]string{"libgone-dev"}, "libgone-dev", true}, // whether it is installed is another question
		{[]string{"libc6-dev"}, "libnsl-dev", true},
	} {
		if got := d.Linkable(base, c.declared)(c.name); got != c.want {
			t.Errorf("%s with %q declared: %v", c.name, c.declared, got)
		}
	}
}
