# Builds and installs one distribution from CPAN.
#
# It runs in a work directory that holds the archive, install.json and static.pl.
# What the distribution needs is already installed below the bundle's directory;
# what it installs there itself becomes its output.
# The lines that envbuild writes above this text set
#   name      the distribution's name, such as Plack
#   distvname its name and version, such as Plack-1.0050
#   archive   the file name of its archive
#   runtime   the directory of perl
#   bundle    the directory of the distributions
# Options for MakeMaker and Module::Build are in PERL_MM_OPT and PERL_MB_OPT.
# shellcheck shell=sh disable=SC2154
set -eu

# Starting perl takes time, and fifty distributions do it often. So this script
# avoids perl where the shell can do the same, and reads META with grep.

# meta KEY VALUE: tells whether META has that flag, as a number or a string.
meta() {
    grep -Eqs "^[[:blank:]]*[\"']?$1[\"']?[[:blank:]]*:[[:blank:]]*[\"']?$2[\"']?,?[[:blank:]]*\$" \
        META.json META.yml
}

echo "envbuild: phase unpack"
work=$PWD
mkdir unpacked
case $archive in
*.zip) unzip -q "$archive" -d unpacked ;;
*) tar -x -f "$archive" -C unpacked --no-same-owner ;;
esac
# Some archives have directories that their owner can't write to.
chmod -R u+rwX unpacked
# The top directory may have any name, and a few archives have none.
source=
for dir in unpacked unpacked/*; do
    for file in Makefile.PL Build.PL META.json META.yml; do
        if test -e "$dir/$file"; then
            source=$dir
            break 2
        fi
    done
done
if test -z "$source"; then
    echo "$archive contains no Makefile.PL, Build.PL or META file" >&2
    exit 1
fi
cd "$source"

echo "envbuild: phase configure"
# Old distributions load their own helpers from the current directory. A META that
# says that this one doesn't is trusted; the spec's env overrides both.
if test -z "${PERL_USE_UNSAFE_INC+set}"; then
    PERL_USE_UNSAFE_INC=1
    if meta x_use_unsafe_inc 0; then PERL_USE_UNSAFE_INC=0; fi
    export PERL_USE_UNSAFE_INC
fi

# Where META says that configuring finds no further requirements, MakeMaker needn't
# write them again, which is a third of the time of a small distribution.
mymeta=MYMETA.json
if test -e META.json && meta dynamic_config 0; then
    mymeta=META.json
    PERL_MM_OPT="$PERL_MM_OPT NO_MYMETA=1"
fi

# configure FILE RESULT: runs FILE, which leaves RESULT if all went well. The exit
# code says little: many exit with 0 when a header is missing, so that CPAN's
# testers report no failure. A make in here wouldn't find make's jobserver.
configure() {
    test -e "$1" || return 1
    rm -f "$2"
    (unset MAKEFLAGS && perl "$1") && test -e "$2"
}

# The toolchain's own distributions have a Build.PL that needs those distributions.
case $name in
ExtUtils-Install | ExtUtils-Manifest | ExtUtils-ParseXS | version) first=Makefile.PL ;;
*) first=Build.PL ;;
esac

if meta x_static_install 1; then
    style=static
    mymeta=META.json
elif test $first = Build.PL && configure Build.PL Build; then
    style=build
elif configure Makefile.PL Makefile; then
    style=makefile
elif test $first = Makefile.PL && configure Build.PL Build; then
    style=build
elif test -e Makefile.PL || test -e Build.PL; then
    echo "$distvname was not configured: its Makefile.PL or Build.PL left no Makefile or Build" >&2
    exit 1
else
    echo "$distvname has no Makefile.PL and no Build.PL, and its META doesn't say that it needs neither" >&2
    exit 1
fi

echo "envbuild: phase build"
case $style in
build)
    # Module::Build builds when it installs; the others that write a Build don't.
    grep -qe '->resume' Build || perl Build
    ;;
makefile)
    # MakeMaker would start a perl for each directory that it makes (eight in every
    # distribution), one to warn of files that can't exist here, and a program that
    # does nothing for each target without commands.
    set -- MKPATH='mkdir -p' WARN_IF_OLD_PACKLIST=true NOOP=
    make "$@"
    ;;
esac

echo "envbuild: phase install"
case $style in
static) perl "$work/static.pl" "$name" "$bundle" ;;
build) perl Build install ;;
makefile) make "$@" install ;;
esac

echo "envbuild: phase tidy"
for file in "$runtime"/lib/perl5/*/*/Config_heavy.pl; do
    archname=${file%/*}
    archname=${archname##*/}
done
archlib=$bundle/lib/perl5/$archname
# Versions of MakeMaker that don't know NO_PACKLIST and NO_PERLLOCAL write lists
# of what is installed. Nothing reads them, and those of two distributions clash.
rm -f "$archlib/perllocal.pod" "$archlib/auto/$(echo "$name" | tr - /)/.packlist"
# What Carton, cpanm and scanners of installed software read.
record=$archlib/.meta/$distvname
mkdir -p "$record"
cp "$work/install.json" "$record/install.json"
if test -e "$mymeta"; then
    cp "$mymeta" "$record/MYMETA.json"
fi
# The licence terms, which must be passed on with the distribution.
for file in LICEN[CS]E* [Ll]icen[cs]e* COPYING* COPYRIGHT* NOTICE*; do
    if test -f "$file"; then
        cp "$file" "$record/"
    fi
done
