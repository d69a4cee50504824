package releases

import (
	"os"
	"testing"
)

// standIn takes a command's place in the PATH.
const standIn = `#!/bin/sh
# Counts the calls below a maintainer script and, at the one that was asked for,
# kills the processes up to the script, before or after the command.
name=${0##*/}
pid=$$
chain=
while read -r _ _ _ pid _ <"/proc/$pid/stat" && [ "$pid" -gt 1 ]; do
	chain="$chain $pid"
	line=$(tr '\0' ' ' <"/proc/$pid/cmdline")
	case $line in
	*$(cat /tmp/kill/script)*) break ;;
	*dpkg\ *) exec "/usr/bin/$name" "$@" ;; # dpkg's own command
	esac
done
[ "$pid" -gt 1 ] || exec "/usr/bin/$name" "$@" # the test's own
count=$(($(cat /tmp/kill/count) + 1))
echo $count >/tmp/kill/count
strike() {
	[ "$1$count" = "$(cat /tmp/kill/at)" ] || return 0
	: >/tmp/kill/done
	kill -9 $chain $$
}
strike before
"/usr/bin/$name" "$@"
code=$?
strike after
exit $code
`

// standIns lets kill end the maintainer script whose command line has that text,
// until the function that it returns is called.
func (c chroot) standIns(t *testing.T, script string) (remove func()) {
	t.Helper()
	commands := []string{"cp", "mv", "ln", "rm", "mkdir", "touch"}
	c.sh(t, `mkdir -p /tmp/kill; echo 0 >/tmp/kill/count; echo none >/tmp/kill/at; echo "$1" >/tmp/kill/script`, script)
	for _, name := range commands {
		if err := os.WriteFile(c.path("/usr/sbin/"+name), []byte(standIn), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for _, name := range commands {
			if err := os.Remove(c.path("/usr/sbin/" + name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// kill installs a package, and ends the script at a command that changes
// something: "before1" is before the first, "after2" after the second. It tells
// whether there was such a command.
func (c chroot) kill(t *testing.T, at, deb string) (out string, killed bool, err error) {
	t.Helper()
	c.sh(t, `echo 0 >/tmp/kill/count; echo "$1" >/tmp/kill/at; /usr/bin/rm -f /tmp/kill/done`, at)
	out, err = c.try("dpkg", "-i", deb)
	c.sh(t, "echo none >/tmp/kill/at")
	_, statErr := os.Stat(c.path("/tmp/kill/done"))
	return out, statErr == nil, err
}
