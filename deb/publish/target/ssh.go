package target

import (
	"context"

	"github.com/envbuild/envbuild/deb/repo/sftp"
	"github.com/envbuild/envbuild/pkgspec"
)

// sshKind is a repository in a directory of another host.
func sshKind() kind {
	return kind{name: pkgspec.SSHTarget{}.Kind(), place: func(ctx context.Context, o *opening) (place, error) {
		t := o.Where.(pkgspec.SSHTarget)
		storage, err := sftp.Open(ctx, sftp.Options{
			Host: t.Host, User: t.User, Port: t.Port, Path: t.Path,
			Variables: o.variables(), Environ: o.Environ, Notice: o.Notice, Sent: o.sent,
		})
		if err != nil {
			return place{}, err
		}
		return place{storage: storage, url: storage.Location(""), close: storage.Close}, nil // apt has a method for ssh
	}}
}
