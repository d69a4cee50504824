package repo

import (
	"context"
	"fmt"
	"strings"
)

// ClientFiles are what administrators of clients fetch.
type ClientFiles struct {
	// Keyring is the file with the public keys, in the storage.
	Keyring string
	// Sources are the deb822 files for /etc/apt/sources.list.d, one a distribution.
	Sources []string
}

// WriteClientFiles writes the files for clients beside the repository. url is where
// clients find it; if it is empty, what Setup said is taken.
func (r *Repository) WriteClientFiles(ctx context.Context, url string) (ClientFiles, error) {
	if r.config.URL != "" {
		url = r.config.URL
	}
	k := r.config.keyring()
	out := ClientFiles{Keyring: k.Name + ".gpg"}
	if err := r.storage.Replace(ctx, out.Keyring, k.Keys, Any); err != nil {
		return out, err
	}
	for _, dist := range r.config.Distributions {
		st, err := r.mustCurrent(ctx, dist, nil)
		if err != nil {
			return out, err
		}
		name := r.config.Name + "-" + strings.ReplaceAll(dist, "/", "-") + ".sources"
		text := sources(url, st.generation.Settings, KeyringPath(k.Name))
		if err := r.storage.Replace(ctx, name, []byte(text), Any); err != nil {
			return out, err
		}
		out.Sources = append(out.Sources, name)
	}
	return out, nil
}

// KeyringPath is where the keyring package puts its file.
func KeyringPath(name string) string { return "/usr/share/keyrings/" + name + ".gpg" }

// sources writes a file of sources.list(5) in the style of deb822.
func sources(url string, s Settings, keyring string) string {
	return fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\nArchitectures: %s\nSigned-By: %s\n",
		url, s.Distribution, strings.Join(s.Components, " "), strings.Join(s.Architectures, " "), keyring)
}
