# Runs a cpanfile that is a program and prints what it asks for as JSON. The
# cpanfile comes on standard input; what it prints itself goes to standard error,
# so that standard output holds the answer alone. Needs core modules only.
use strict;
use warnings;
use JSON::PP ();

my (@requirements, @mirrors, @features);

package EnvbuildCpanfile;

our ($phase, $feature) = ('runtime', '');

# The line of the cpanfile that called the statement.
sub _line {
    my $depth = 0;
    while (my @caller = caller $depth++) {
        return $caller[2] if $caller[1] eq 'cpanfile';
    }
    return 0;
}

sub _add {
    my ($relation, $in, $module, @args) = @_;
    die "$relation without a module's name\n" if !defined $module;
    my $version = @args % 2 ? shift @args : 0;
    # A bare v1.2.3 is a string of code points.
    $version = sprintf 'v%vd', $version if ref \$version eq 'VSTRING';
    my %option = map { defined $_ ? "$_" : '' } @args;
    push @requirements, {
        relation => $relation,
        phase    => $in,
        feature  => $feature,
        module   => "$module",
        version  => defined $version ? "$version" : '0',
        line     => _line(),
        options  => \%option,
    };
    return;
}

sub requires   { return _add('requires',   $phase, @_) }
sub recommends { return _add('recommends', $phase, @_) }
sub suggests   { return _add('suggests',   $phase, @_) }
sub conflicts  { return _add('conflicts',  $phase, @_) }

sub configure_requires { return _add('requires', 'configure', @_) }
sub build_requires     { return _add('requires', 'build',     @_) }
sub test_requires      { return _add('requires', 'test',      @_) }
sub author_requires    { return _add('requires', 'develop',   @_) }

sub on {
    my ($name, $block) = @_;
    local $phase = $name;
    return $block->();
}

sub feature {
    my ($name, @rest) = @_;
    my $block = pop @rest;
    push @features, $name;
    local $feature = $name;
    return $block->();
}

sub mirror { push @mirrors, "$_[0]"; return }

package main;

my $code = do { local $/; <STDIN> };
open STDIN, '<', '/dev/null' or die "standard input: $!\n";
open my $answer, '>&', \*STDOUT or die "standard output: $!\n";
open STDOUT, '>&', \*STDERR or die "standard output: $!\n";

# The file itself decides on strictness. It may end in __END__, so its value says
# nothing and $@ everything.
{
    no strict;
    no warnings;
    eval "package EnvbuildCpanfile;\n# line 1 \"cpanfile\"\n$code";
}
my $error = $@;

print {$answer} JSON::PP->new->canonical->ascii->encode({
    error        => "$error",
    requirements => \@requirements,
    mirrors      => \@mirrors,
    features     => \@features,
});
close $answer or die "standard output: $!\n";
