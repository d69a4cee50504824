package managed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/tree"
)

// writeKeyringPackage makes the package that brings a repository's keys to clients,
// in a directory. The same keys give the same bytes: its time is that of the newest
// key.
func (o Options) writeKeyringPackage(ctx context.Context, dir string, k repo.Keyring) (path string, err error) {
	keys, err := sign.Keyring(k.Keys)
	if err != nil {
		return "", err
	}
	made, maintainer := time.Unix(0, 0), "Nobody <nobody@localhost>"
	for _, key := range keys {
		if t := key.PrimaryKey.CreationTime; t.After(made) {
			made = t
		}
		if id := key.PrimaryIdentity(); id != nil && id.UserId.Email != "" {
			name := strings.NewReplacer("<", "", ">", "", "\n", " ").Replace(id.UserId.Name)
			maintainer = strings.TrimSpace(name) + " <" + id.UserId.Email + ">"
			if strings.TrimSpace(name) == "" {
				maintainer = id.UserId.Email + " <" + id.UserId.Email + ">"
			}
		}
	}
	m := deb.Meta{
		Name: k.Name, Version: strconv.Itoa(k.Serial), Arch: "all", Maintainer: maintainer,
		Section: "misc", Priority: "optional",
		Description: "keys of the package repository " + strings.TrimSuffix(k.Name, "-archive-keyring") + "\n" +
			"The packages of the repository are signed with these keys. Upgrading this\npackage brings new ones before the old ones end.",
	}
	path = filepath.Join(dir, deb.FileName(m))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	err = deb.Write(ctx, deb.Request{
		Meta: m, SourceDate: made, Compression: "xz", XZ: o.XZ,
		Entries: []tree.Entry{{Path: repo.KeyringPath(k.Name), Content: k.Keys, Mode: 0o644}},
	}, f)
	return path, errors.Join(err, f.Close())
}
