package project

import (
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/lang/perl"
)

// Languages is the table of the languages that envbuild knows. A new one is a
// directory below build/lang and a row here.
func Languages() lang.Table {
	return lang.Table{perl.New()}
}
