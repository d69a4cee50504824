package dial

import (
	"fmt"
	"net"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// hostKeys judges the keys that a host shows.
type hostKeys struct {
	callback   ssh.HostKeyCallback
	algorithms []string
}

// hostKeyError says that a host isn't known, or is another one.
type hostKeyError struct{ message, hint string }

func (e *hostKeyError) Error() string { return e.message }

// hostKeys reads the known_hosts files. A host is asked for a key of a kind that
// they have of it.
func (d *dialer) hostKeys(h host) (hostKeys, error) {
	var files []string
	for _, f := range h.knownHosts {
		if exists(f) {
			files = append(files, f)
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return hostKeys{}, &hostKeyError{fmt.Sprintf("known_hosts can't be read: %v", err), "mend the line, or delete it"}
	}
	check := db.HostKeyCallback()
	return hostKeys{
		algorithms: db.HostKeyAlgorithms(h.known()),
		callback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			err := check(name, remote, key)
			shown := key.Type() + " " + ssh.FingerprintSHA256(key)
			switch {
			case err == nil:
				return nil
			case knownhosts.IsHostKeyChanged(err):
				return &hostKeyError{"its key is another one than known_hosts has: " + shown,
					"find out why; if the host was set up anew: ssh-keygen -R " + knownhosts.Normalize(h.known())}
			case knownhosts.IsHostUnknown(err):
				return &hostKeyError{"known_hosts doesn't have it; it shows the key " + shown,
					"compare that with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then connect to it once with ssh"}
			}
			return err
		},
	}, nil
}
