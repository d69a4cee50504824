package sandbox

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestIsolation has a hostile command try what it must not be able to do. Each
// script prints something only where it succeeds.
func TestIsolation(t *testing.T) {
	for _, tt := range []struct {
		name    string
		weakest Tier
		script  string
	}{
		{"home", Landlock, `cat $HOST/home/secret; ls $HOST/home`},
		{"home's existence", NamespacesNoPID, `[ -e $HOST ] && echo it is there`},
		{"write outside", Landlock, `echo x > $HOST/home/secret && echo written; echo x > $HOST/home/new && echo written`},
		{"write /usr", Landlock, `for f in /usr/x /usr/lib/x /usr/bin/x /x /etc/x /etc/passwd /dev/x; do (echo x >> $f) && echo $f; done`},
		{"run and var", NamespacesNoPID, `ls -A /run /var /root /home /srv /opt /sys /mnt /boot`},
		{"run and var", Landlock, `ls -A /run /var /root /home /srv /opt /sys /mnt /boot`},
		{"host's /etc", Landlock, `cat /etc/shadow /etc/ssh/* /etc/machine-id /etc/fstab`},
		{"listening socket", Landlock, perl(`IO::Socket::INET->new(PeerAddr => $ENV{TCP}, Timeout => 5)`)},
		{"datagram to an address", Landlock, perl(`socket($s, AF_INET, SOCK_DGRAM, 0) && connect($s, pack_sockaddr_in(9, inet_aton("192.0.2.1")))`)},
		{"raw socket", Landlock, perl(`socket($s, PF_INET, SOCK_RAW, 1)`)},
		{"named unix socket", Landlock, perl(`IO::Socket::UNIX->new(Peer => $ENV{UNIX})`)},
		{"abstract unix socket", Landlock, perl(`socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un("\0$ENV{ABSTRACT}"))`)},
		{"abstract datagram", Landlock, perl(`socket($s, PF_UNIX, SOCK_DGRAM, 0) && send($s, "x", 0, pack_sockaddr_un("\0$ENV{ABSTRACT}-d"))`)},
		{"other processes", Namespaces, `[ -e /proc/$CALLER/stat ] && [ "$(cat /proc/$CALLER/comm)" = "$COMM" ] && echo visible`},
		{"signals", Namespaces, `kill -0 $CALLER 2>/dev/null && [ "$(cat /proc/$CALLER/comm)" = "$COMM" ] && echo reached`},
		{"signals", Landlock, `[ $TIER != namespaces ] && kill -0 $CALLER && echo reached`},
		{"environments", Landlock, `tr '\0' '\n' < /proc/$CALLER/environ | grep SECRET; cat /proc/*/environ | tr '\0' '\n' | grep -a SECRET`},
		{"first process", Landlock, `readlink /proc/$PPID/fd/*; ls /proc/$PPID/cwd/; cat /proc/$PPID/environ /proc/$PPID/maps`},
		{"other roots", Landlock, `cat /proc/*/root/$HOST/home/secret; ls /proc/1/root/root`},
		{"kernel settings", Landlock, `echo x > /proc/sys/kernel/core_pattern && echo written; echo h > /proc/sysrq-trigger && echo written`},
		{"capabilities", Landlock, `grep '^Cap...:' /proc/self/status | grep -v -e 'CapBnd' -e 0000000000000000`},
		{"devices", Landlock, `mknod d b 8 0 && echo made; for d in /dev/vd* /dev/sd* /dev/mem /dev/kmsg; do (: < $d) && echo $d; done`},
		{"mounts", Landlock, `mount -t tmpfs none . && echo mounted; umount /usr && echo unmounted; mount -o remount,rw /usr && echo writable`},
		{"more rights", Landlock, `[ "$(grep NoNewPrivs /proc/self/status | tr -dc 01)" = 1 ] || echo allowed`},
		{"environment of the caller", None, `env | grep SECRET`},
		{"a terminal", None, `(: < /dev/tty) && echo opened`},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-")+"/"+tt.weakest.String(), func(t *testing.T) {
			each(t, tt.weakest, func(t *testing.T, b *bench) {
				t.Setenv("SECRET", "hunter2")
				b.directory("home", "secret", "hunter2")
				b.command.Env = append(b.command.Env, "LC_ALL=C", "HOST="+b.dir, "TIER="+b.sandbox.Tier().String())
				b.command.Env = append(b.command.Env, listeners(t, b)...)
				_, err := b.sh("exec 2>/dev/null\n" + tt.script)
				if err != nil || b.output.Len() > 0 {
					t.Errorf("%v, printed: %s", err, &b.output)
				}
			})
		})
	}
}

// perl is a script that prints something if the expression is true.
func perl(expression string) string {
	return "perl -MIO::Socket -MSocket=:all -e 'print \"reached\\n\" if " + expression + "'"
}

// listeners opens what a command must not reach.
func listeners(t *testing.T, b *bench) []string {
	t.Helper()
	caller, err := os.ReadFile("/proc/self/comm")
	must(t, err)
	// A path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "sb-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	named, err := net.Listen("unix", filepath.Join(dir, "socket"))
	must(t, err)
	name := filepath.Base(dir)
	abstract, err := net.Listen("unix", "@"+name)
	must(t, err)
	datagram, err := net.ListenPacket("unixgram", "@"+name+"-d")
	must(t, err)
	t.Cleanup(func() { tcp.Close(); named.Close(); abstract.Close(); datagram.Close() })
	return []string{
		"TCP=" + tcp.Addr().String(), "UNIX=" + named.Addr().String(), "ABSTRACT=" + name,
		"CALLER=" + strconv.Itoa(os.Getpid()), "COMM=" + strings.TrimSpace(string(caller)),
	}
}

// The attempts above work where nothing forbids them, so they prove something.
func TestIsolationProves(t *testing.T) {
	b := newBench(t, None)
	b.directory("home", "secret", "hunter2")
	b.command.Env = append(b.command.Env, "HOST="+b.dir)
	b.command.Env = append(b.command.Env, listeners(t, b)...)
	for name, script := range map[string]string{
		"home":     `cat $HOST/home/secret`,
		"tcp":      perl(`IO::Socket::INET->new(PeerAddr => $ENV{TCP}, Timeout => 5)`),
		"unix":     perl(`IO::Socket::UNIX->new(Peer => $ENV{UNIX})`),
		"abstract": perl(`socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un("\0$ENV{ABSTRACT}"))`),
		"datagram": perl(`socket($s, PF_UNIX, SOCK_DGRAM, 0) && send($s, "x", 0, pack_sockaddr_un("\0$ENV{ABSTRACT}-d"))`),
		"process":  `[ "$(cat /proc/$CALLER/comm)" = "$COMM" ] && kill -0 $CALLER && echo reached`,
	} {
		if _, got := b.mustSh(script); got == "" {
			t.Errorf("%s: nothing was reached", name)
		}
	}
}

// A step's own network works in a namespace.
func TestLoopback(t *testing.T) {
	each(t, NamespacesNoPID, func(t *testing.T, b *bench) {
		_, got := b.mustSh(perl(`$l = IO::Socket::INET->new(Listen => 1, LocalAddr => "localhost") and ` +
			`IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport)`))
		if got != "reached\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestReadOnlyHost(t *testing.T) {
	each(t, Landlock, func(t *testing.T, b *bench) {
		extra := b.directory("extra", "f", "extra")
		b.command.ReadOnlyHost = []string{extra}
		_, got := b.mustSh("cat " + extra + "/f; (echo x > " + extra + "/f) 2>/dev/null && echo written || :")
		if got != "extra" {
			t.Errorf("%q", got)
		}
	})
}
