# Installs a distribution whose META promises that it needs no building
# (CPAN::Static): static.pl NAME DIRECTORY, run in the distribution's directory.
#   lib/*     to lib/perl5                          modules and their documentation
#   script/*  to bin                                programs
#   share/*   to lib/perl5/auto/share/dist/NAME     what File::ShareDir finds
#   module-share/MODULE/*   to lib/perl5/auto/share/module/MODULE
# It does what ExtUtils::Install would do, without starting make and MakeMaker.
use strict;
use warnings;
use Config;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(mkpath);

my ($name, $base) = @ARGV;

# Modes are those that ExtUtils::Install sets. Symlinks are followed, as it does.
sub install {
    my ($from, $to, $wanted, $mode) = @_;
    my @files;
    find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && /$wanted/ } }, $from) if -d $from;
    for my $file (sort @files) {
        my $target = $to . substr($file, length $from);
        mkpath(dirname($target));
        print "Installing $target\n";
        copy($file, $target) or die "copy $file to $target: $!\n";
        chmod $mode, $target or die "chmod $target: $!\n";
        fix_shebang($target) if $mode & 0111;
    }
}

# Programs run with the perl that they were installed for.
sub fix_shebang {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "open $file: $!\n";
    my $text = do { local $/; <$in> };
    close $in;
    return unless $text =~ s/\A#![^\n]*\bperl[\d.]*\b/$Config{startperl}/;
    chmod 0644, $file;
    open my $out, '>:raw', $file or die "open $file: $!\n";
    print {$out} $text;
    close $out or die "write $file: $!\n";
    chmod 0555, $file or die "chmod $file: $!\n";
}

install('lib', "$base/lib/perl5", qr/\.(?:pm|pod)\z/, 0444);
install('script', "$base/bin", qr/./, 0555);
install('share', "$base/lib/perl5/auto/share/dist/$name", qr/./, 0444);
install('module-share', "$base/lib/perl5/auto/share/module", qr/./, 0444);
