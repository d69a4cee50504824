#!/bin/sh
# The main job, from the sample's source to an installed package that answers
# over HTTP: locks and builds the sample, packages it, installs the package with
# apt in a clean Debian root, takes the root's own perl away, starts the
# application there, and writes and reads a row of its database.
set -eu
cd "$(dirname "$0")/.."
port=${DEMO_PORT:-5655}
say() { printf '\n== %s\n' "$*" >&2; }

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

work=$(mktemp -d)
root=$work/root
server=
cleanup() {
	if [ -n "$server" ]; then
		# start_server ends its workers when it is asked to.
		$sudo kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || :
	fi
	mountpoint -q "$root/proc" && $sudo umount "$root/proc"
	$sudo rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "Lock and build the sample"
cp -R testdata/plack-app "$work/app"
bin/envbuild -C "$work/app" lock
bin/envbuild -C "$work/app" build

say "Package it"
deb=$(bin/envbuild -C "$work/app" deb -o out)
name=$(dpkg-deb -f "$deb" Package)

say "Make a clean Debian root"
base=$(.ci/root --boot) # with systemd, which servers have
mkdir "$root"
$sudo tar -xf "$base" -C "$root"
$sudo cp "$deb" "$root/tmp/"
$sudo mount -t proc proc "$root/proc"

say "Install the package there with apt"
$sudo chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 "/tmp/${deb##*/}" >&2
# From here on there is no perl but the package's.
$sudo find "$root/usr/bin" -name 'perl*' -delete

say "Start the application and ask it"
[ -e "$root/dev/null" ] || $sudo mknod -m 666 "$root/dev/null" c 1 3
$sudo chroot "$root" "/opt/$name/env.sh" \
	start_server --port "127.0.0.1:$port" -- "/opt/$name/app/script/web" >"$work/log" 2>&1 &
server=$!
url=http://127.0.0.1:$port
if ! curl -fsS --retry 60 --retry-delay 1 --retry-all-errors -o "$work/health" "$url/health" 2>/dev/null; then
	cat "$work/log" >&2
	exit 1
fi
written=$(curl -fsS -d '{"title": "Demo", "body": "written inside the clean root"}' -H 'Content-Type: application/json' "$url/notes")
id=$(printf %s "$written" | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')
read_back=$(curl -fsS "$url/notes/$id")
case $read_back in
*"written inside the clean root"*) ;;
*)
	echo "demo: the row did not come back: $read_back" >&2
	exit 1
	;;
esac

say "Done"
executable=$(sed -n 's/.*"executable": *"\([^"]*\)".*/\1/p' "$work/health")
cat <<END
package:  $deb
size:     $(stat -c %s "$deb") bytes
sha256:   $(sha256sum "$deb" | cut -d' ' -f1)
perl:     $executable
written:  $written
read:     $read_back
END
case $executable in
"/opt/$name/"*) ;;
*)
	echo "demo: another perl answered" >&2
	exit 1
	;;
esac
