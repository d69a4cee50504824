package perl

import (
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// Environment lists the variables with which perl finds the bundle.
//
// PERL5LIB takes nothing over from the caller: modules compiled for another perl
// would crash this one. PERLLIB needs no mention, as perl reads it only where
// PERL5LIB isn't set. What local::lib sets for another perl is removed, so that
// a make or cpanm in this environment doesn't install there. PERL5OPT is left
// alone: nothing sets it by itself, and people who do (-MCarp::Always,
// -MDevel::Cover) mean the perl that they start.
func (*Perl) Environment(*pkgspec.Spec, *pkgspec.Lock) []lang.Var {
	return []lang.Var{
		{Name: "PATH", Kind: lang.Prepend, Values: []string{bundlePrefix + "/bin", runtimePrefix + "/bin"}},
		{Name: "PERL5LIB", Kind: lang.Path, Values: []string{bundlePrefix + "/lib/perl5"}},
		{Name: "PERL_LOCAL_LIB_ROOT", Kind: lang.Unset},
		{Name: "PERL_MM_OPT", Kind: lang.Unset},
		{Name: "PERL_MB_OPT", Kind: lang.Unset},
	}
}

// Layout implements lang.LayoutProvider.
func (*Perl) Layout(*pkgspec.Spec, *pkgspec.Lock) lang.Layout {
	return lang.Layout{Directories: []lang.Directory{
		{Prefix: runtimePrefix, Path: "runtime", Runtime: true},
		{Prefix: bundlePrefix, Path: "local"},
	}}
}

// SystemPackages implements lang.PackageDeclarer.
func (*Perl) SystemPackages(spec *pkgspec.Spec) []string {
	var names []string
	if c := spec.CPAN(); c != nil {
		for _, help := range c.Build {
			names = append(names, help.Apt...)
		}
	}
	return names
}
