package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/dpkg"
)

// tools are the programs whose content is part of every key. What is not
// installed is left out; a recipe that needs it fails by itself.
var tools = []string{
	"sh", "cc", "c++", "as", "ld", "ar", "ranlib", "strip", "make", "tar", "gzip", "bzip2", "xz", "unzip",
	"sed", "grep", "awk", "pkg-config",
}

// compilerParts are the programs that cc runs; cc tells where they are.
var compilerParts = []string{"cc1", "cc1plus", "collect2"}

// MissingToolsError says that the machine can't build.
type MissingToolsError struct{ Tools []string }

func (e *MissingToolsError) Error() string {
	return "this machine lacks " + strings.Join(e.Tools, ", ")
}

// Hint gives the line that mends it.
func (e *MissingToolsError) Hint() string {
	return "sudo apt-get install --no-install-recommends gcc libc6-dev make tar gzip bzip2 xz-utils patch"
}

// ReadMachine finds out what steps see of the host: the tools by content, the
// installed Debian packages by version. Digests of tools are remembered by
// inode, size and times, since a compiler has 30 MB.
func ReadMachine(ctx context.Context, facts FactCache) (plan.Machine, error) {
	m := plan.Machine{Packages: map[string]string{}}
	var err error
	if m.Release, err = distributionRelease("/etc/os-release"); err != nil {
		return m, err
	}
	packages, err := dpkg.Open("/")
	if err != nil {
		return m, err
	}
	m.Arch = packages.Architecture()
	for _, p := range packages.Packages() {
		own, _ := packages.Package(p.Name)
		m.Packages[p.Name] = own.Version
	}
	paths, err := toolPaths(ctx, facts)
	if err != nil {
		return m, err
	}
	for _, p := range paths {
		sum, err := fileDigest(p, facts)
		if err != nil {
			return m, fmt.Errorf("read the tool %s: %w", p, err)
		}
		m.Tools = append(m.Tools, plan.Tool{Path: p, SHA256: sum})
	}
	return m, nil
}

// distributionRelease returns "debian-12" of os-release(5).
func distributionRelease(path string) (string, error) {
	data, err := os.ReadFile(path)
	return parseRelease(string(data)), err
}

func parseRelease(text string) string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			fields[name] = strings.Trim(value, `"'`)
		}
	}
	if fields["VERSION_ID"] == "" {
		return fields["ID"]
	}
	return fields["ID"] + "-" + fields["VERSION_ID"]
}

// toolPaths returns the real paths of the tools that are installed, sorted.
func toolPaths(ctx context.Context, facts FactCache) ([]string, error) {
	var paths, missing []string
	for _, name := range tools {
		p, err := realTool(name)
		if err == nil {
			paths = append(paths, p)
		} else if name == "cc" || name == "make" || name == "tar" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, &MissingToolsError{Tools: missing}
	}
	parts, err := compilerPaths(ctx, facts)
	if err != nil {
		return nil, err
	}
	paths = append(paths, parts...)
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// realTool looks where steps look: the sandbox's PATH, not the caller's.
func realTool(name string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/bin"} {
		p, err := filepath.EvalSymlinks(filepath.Join(dir, name))
		if err == nil {
			return p, nil
		}
	}
	return "", fs.ErrNotExist
}

// compilerPaths asks cc for the programs that it runs. The answer is remembered
// by the compiler's digest.
func compilerPaths(ctx context.Context, facts FactCache) ([]string, error) {
	cc, err := realTool("cc")
	if err != nil {
		return nil, err
	}
	sum, err := fileDigest(cc, facts)
	if err != nil {
		return nil, err
	}
	const kind = "compiler-parts"
	if data, ok := facts.Fact(kind, sum); ok {
		return existing(strings.Fields(string(data))), nil
	}
	var out bytes.Buffer
	for _, part := range compilerParts {
		cmd := exec.CommandContext(ctx, cc, "-print-prog-name="+part)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
		path, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("ask %s for %s: %w", cc, part, err)
		}
		if p := strings.TrimSpace(string(path)); filepath.IsAbs(p) {
			out.WriteString(p + "\n")
		}
	}
	if err := facts.PutFact(kind, sum, out.Bytes()); err != nil {
		return nil, err
	}
	return existing(strings.Fields(out.String())), nil
}

func existing(paths []string) []string {
	return slices.DeleteFunc(paths, func(p string) bool {
		_, err := os.Stat(p)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// fileDigest returns the digest of a file's content, from the facts if the file
// is the same as when it was read.
func fileDigest(path string, facts FactCache) (digest.SHA256, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return digest.SHA256{}, err
	}
	h := digest.NewHasher("file identity")
	h.Field(path, fmt.Sprint(st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim))
	const kind = "file"
	if data, ok := facts.Fact(kind, h.SHA256()); ok {
		if sum, err := digest.Parse(string(data)); err == nil {
			return sum, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return digest.SHA256{}, err
	}
	defer f.Close()
	sum, _, err := digest.SumReader(f)
	if err != nil {
		return digest.SHA256{}, err
	}
	return sum, facts.PutFact(kind, h.SHA256(), []byte(sum.String()))
}
