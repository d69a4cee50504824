package perl

import (
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
)

// Environment lists the variables with which perl finds the bundle.
//
// PERL5LIB takes nothing over from the caller: modules compiled for another perl
// would crash this one. PERLLIB needs no mention, as perl reads it only where
// PERL5LIB isn't set. What local::lib sets for another perl is removed, so that
// a make or cpanm in this environment doesn't install there. PERL5OPT is left
// alone: nothing sets it by itself, and people who do (-MCarp::Always,
// -MDevel::Cover) mean the perl that they start.
func (*Perl) Environment() []lang.Var {
	return []lang.Var{
		{Name: "PATH", Kind: lang.Prepend, Values: []string{plan.BundlePrefix + "/bin", plan.RuntimePrefix + "/bin"}},
		{Name: "PERL5LIB", Kind: lang.Path, Values: []string{plan.BundlePrefix + "/lib/perl5"}},
		{Name: "PERL_LOCAL_LIB_ROOT", Kind: lang.Unset},
		{Name: "PERL_MM_OPT", Kind: lang.Unset},
		{Name: "PERL_MB_OPT", Kind: lang.Unset},
	}
}
