package sandbox

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal gives a helper a new terminal; the helper gives it to a command
// and takes it back.
func TestTerminal(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		master, slave := openTerminal(t)
		cmd := helperCommand(t, "terminal", b.dir, "TIER="+b.sandbox.Tier().String())
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		must(t, cmd.Start())
		must(t, slave.Close())
		out, _ := io.ReadAll(master) // ends with EIO
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		got := strings.ReplaceAll(string(out), "\r\n", "\n")
		if got != "foreground\nopened\nname\nreturned\n" {
			t.Errorf("%q", got)
		}
	})
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { master.Close() })
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	return master, slave
}

func helpTerminal() error {
	tier, err := ParseTier(os.Getenv("TIER"))
	if err != nil {
		return err
	}
	res, err := helperRun(tier, true, `perl -MPOSIX -e '
		print "foreground\n" if tcgetpgrp(0) == getpgrp();
		open(my $t, "<", "/dev/tty") and print "opened\n";
		print "name\n" if ttyname(0)'`)
	if err != nil || res.ExitCode != 0 {
		return fmt.Errorf("exit code %d, %w", res.ExitCode, err)
	}
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err == nil && group == unix.Getpgrp() {
		fmt.Println("returned")
	}
	return err
}
