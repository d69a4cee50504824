# Builds perl from its source archive so that the result can be moved and is the
# same, byte for byte, whoever builds it, where and when.
#
# It runs in a work directory that holds the archive and the patches, and nothing
# else. The lines that envbuild writes above this text set
#   archive   the file name of the source archive
#   version   perl's version, such as 5.36.0
#   prefix    the directory into which perl is installed, still empty
#   patches   the directory with the project's patches, in the order of their names
#   threads   "yes" for a perl with threads, else "no"
#   "$@"      further arguments for Configure, from the spec
# shellcheck shell=sh disable=SC2154
set -eu

echo "envbuild: phase unpack"

# Files belong to whoever builds. The directory's name means nothing, since some of
# perl's own scripts look for "perl" in the paths that they are given.
mkdir source
tar -x -f "$archive" -C source --strip-components=1 --no-same-owner
cd source

for patch in "../$patches"/*; do
    test -e "$patch" || continue
    echo "applying ${patch##*/}"
    patch --batch --forward -p1 <"$patch"
done

# Before 5.31.6, gcc 10 and later was taken for gcc 1 (Devel::PatchPerl fixes the
# same lines) and given -fpcc-struct-return, which no other library was built with.
sed -i '/osvers/!s/^\([[:blank:]]*\)1\*)/\11.*)/' Configure cflags.SH

echo "envbuild: phase configure"

# Configure reads this file last, so it overrides what Configure found out about the
# machine and doesn't need to know: who builds and when, the kernel, and programs
# that may or may not be installed and that no module's build asks for.
cat >config.over <<'END'
cf_by=build
cf_email=build@localhost
cf_time='Thu Jan  1 00:00:01 UTC 1970'
perladmin=root@localhost
myhostname=localhost
mydomain=
osvers=linux
myuname=linux
bash=''
bison=''
byacc=''
cpp=cpp
csh=''
d_csh=undef
full_csh=''
gmake=gmake
less=''
more=''
nroff=''
pager=/usr/bin/pager
perl=''
perl5=''
pg=''
zip=''
# The compiler names directories below /usr/local if there are any. A sandbox with
# namespaces hides them; weaker ones can't.
for list in incpth libpth libspath; do
    eval "$list=\$(echo \"\$$list\" | sed 's#/usr/local/[^ ]* *##g')"
done
END

if test "$threads" = yes; then
    set -- -Dusethreads "$@"
fi

# -Duserelocatableinc: @INC follows the perl binary wherever it is moved.
# libswanted holds what comes with the C library. Left to itself Configure also
# links gdbm and Berkeley DB if their headers happen to be installed; modules for
# those exist on CPAN.
# No library or header is taken from /usr/local, and no module of another perl.
# A build ID would be the only thing in an object that depends on the work directory.
set -- -des \
    -Dprefix="$prefix" -Duserelocatableinc \
    -Dman1dir=none -Dman3dir=none \
    -Doptimize=-O2 \
    -Dldflags=-Wl,--build-id=none -Dlddlflags='-shared -O2 -Wl,--build-id=none' \
    -Dlibswanted='pthread dl m crypt util c' \
    -Dnoextensions='DB_File GDBM_File NDBM_File ODBM_File' \
    -Ui_db -Ui_dbm -Ui_gdbm -Ui_gdbmndbm -Ui_gdbm_ndbm -Ui_ndbm -Ui_rpcsvcdbm \
    -Ulocincpth= -Uloclibpth= -Dinc_version_list=none \
    "$@"

# Configure uses file descriptor 4 for itself, where make expects its jobserver.
(unset MAKEFLAGS && sh ./Configure "$@")

echo "envbuild: phase build"
make

echo "envbuild: phase install"
make install

echo "envbuild: phase tidy"
privlib=$prefix/lib/perl5/$version
for file in "$privlib"/*/Config_heavy.pl; do
    archlib=${file%/*}
done

# With relocatable @INC the directories in Config read ".../..", where "..." is the
# directory of the perl binary. Programs that build modules take them literally.
sed -i -e "s#\.\.\./\.\./#$prefix/#g" -e "s#'\.\.\./\.\.'#'$prefix'#g" \
    -e "s#'\.\.\./'#'$prefix/bin'#g" "$archlib/Config.pm" "$archlib/Config_heavy.pl"

# It lists every file, and only an uninstaller would read it.
rm -f "$archlib/.packlist"
