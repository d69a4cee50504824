package repo_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/digest"
)

// client reads a repository as apt does.
type client struct {
	url, dist string
	keys      openpgp.EntityList
}

// update reads InRelease, the index by its hash, and a package.
func (c client) update(xzipped bool) (sum digest.SHA256, err error) {
	inline, err := c.get("dists/" + c.dist + "/InRelease")
	if err != nil {
		return sum, err
	}
	text, _, err := sign.VerifyInline(c.keys, inline, time.Now())
	if err != nil {
		return sum, err
	}
	name := "main/binary-amd64/Packages.gz"
	if xzipped {
		name = "main/binary-amd64/Packages.xz"
	}
	for line := range strings.Lines(string(text)) {
		cols := strings.Fields(line)
		if len(cols) != 3 || cols[2] != name {
			continue
		}
		data, err := c.get("dists/" + c.dist + "/main/binary-amd64/by-hash/SHA256/" + cols[0])
		if err != nil {
			return sum, err
		}
		if digest.Sum(data).String() != cols[0] {
			return sum, fmt.Errorf("%s isn't what InRelease says", name)
		}
		if xzipped {
			return digest.Sum(inline), nil
		}
		return digest.Sum(inline), c.fetchOne(data)
	}
	return sum, fmt.Errorf("InRelease names no %s", name)
}

// fetchOne downloads a package of an index and checks it.
func (c client) fetchOne(index []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(index))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	stanzas := strings.Split(strings.TrimSuffix(string(text), "\n\n"), "\n\n")
	if len(text) == 0 {
		return nil
	}
	fields := map[string]string{}
	for line := range strings.Lines(stanzas[rand.IntN(len(stanzas))]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		fields[name] = value
	}
	data, err := c.get(fields["Filename"])
	if err == nil && digest.Sum(data).String() != fields["SHA256"] {
		err = fmt.Errorf("%s isn't what the index says", fields["Filename"])
	}
	return err
}

func (c client) get(name string) ([]byte, error) {
	resp, err := http.Get(c.url + "/" + name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", name, resp.Status))
	}
	return data, errors.Join(err, resp.Body.Close())
}
