# Strips from compiled files what only debuggers read. It runs in a work directory
# with the files, named 0, 1 and so on, and a list of lines "name kind":
#   program   needs no symbols but the dynamic ones, which strip always keeps
#   library   the same, and those that relocations name
#   object    is linked later, so it needs all but the debugging information
# and leaves name.out for each. A file that strip can't read is left alone.
# The sections are those that Debian's dh_strip removes.
set -eu
echo "envbuild: phase strip"

if ! command -v strip >/dev/null; then
    echo "strip is not installed: the Debian package binutils has it" >&2
    exit 1
fi

while read -r name kind; do
    case $kind in
    program) set -- --strip-all --remove-section=.comment --remove-section=.note ;;
    library) set -- --strip-unneeded --remove-section=.comment --remove-section=.note ;;
    object) set -- --strip-debug ;;
    esac
    if ! strip --enable-deterministic-archives "$@" -o "$name.out" "$name"; then
        echo "strip can't read file $name; it is left as it is" >&2
        rm -f "$name.out"
    fi
done <list

# After this line envbuild itself checks the output.
echo "envbuild: phase check"
