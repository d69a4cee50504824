package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// Facts keeps small facts that were derived from something a digest names.
type Facts interface {
	Fact(kind string, of digest.SHA256) ([]byte, bool)
	PutFact(kind string, of digest.SHA256, data []byte) error
}

// Tool is a program, named by its content.
type Tool struct {
	Path   string
	SHA256 digest.SHA256
}

// tools are the programs whose content is part of every key. What is not
// installed is left out; a recipe that needs it fails by itself.
var tools = [...]string{
	"sh", "cc", "c++", "as", "ld", "ar", "ranlib", "strip", "make", "tar", "gzip", "bzip2", "xz", "unzip",
	"sed", "grep", "awk", "pkg-config",
}

// compilerParts are the programs that cc runs; cc tells where they are.
var compilerParts = [...]string{"cc1", "cc1plus", "collect2"}

// MissingToolsError says that the machine can't build.
type MissingToolsError struct{ Tools []string }

func (e *MissingToolsError) Error() string {
	return "this machine lacks " + strings.Join(e.Tools, ", ")
}

// Hint gives the line that mends it.
func (e *MissingToolsError) Hint() string {
	return "sudo apt-get install --no-install-recommends gcc libc6-dev make tar gzip bzip2 xz-utils patch"
}

// Tools returns the programs that build, sorted by path and by content. Digests are
// remembered by inode, size and times, since a compiler has 30 MB.
func (m *Machine) Tools(ctx context.Context, facts Facts) ([]Tool, error) {
	paths, err := m.toolPaths(ctx, facts)
	if err != nil {
		return nil, err
	}
	out := make([]Tool, 0, len(paths))
	for _, p := range paths {
		sum, err := m.digest(p, facts)
		if err != nil {
			return nil, fmt.Errorf("read the tool %s: %w", p, err)
		}
		out = append(out, Tool{Path: p, SHA256: sum})
	}
	return out, nil
}

// toolPaths returns the real paths of the tools that are installed, sorted.
func (m *Machine) toolPaths(ctx context.Context, facts Facts) ([]string, error) {
	var paths, missing []string
	for _, name := range tools {
		p, err := m.Tool(name)
		if err == nil {
			paths = append(paths, p)
		} else if name == "cc" || name == "make" || name == "tar" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, &MissingToolsError{Tools: missing}
	}
	parts, err := m.compilerPaths(ctx, facts)
	if err != nil {
		return nil, err
	}
	paths = append(paths, parts...)
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// compilerPaths asks cc for the programs that it runs. The answer is remembered
// by the compiler's digest.
func (m *Machine) compilerPaths(ctx context.Context, facts Facts) ([]string, error) {
	cc, err := m.Tool("cc")
	if err != nil {
		return nil, err
	}
	sum, err := m.digest(cc, facts)
	if err != nil {
		return nil, err
	}
	const kind = "compiler-parts"
	if data, ok := facts.Fact(kind, sum); ok {
		return m.existing(strings.Fields(string(data))), nil
	}
	var out bytes.Buffer
	for _, part := range compilerParts {
		cmd := exec.CommandContext(ctx, m.root.Join(cc), "-print-prog-name="+part)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"} // as in steps
		answer, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("ask %s for %s: %w", cc, part, err)
		}
		if p := strings.TrimSpace(string(answer)); path.IsAbs(p) {
			out.WriteString(p + "\n")
		}
	}
	if err := facts.PutFact(kind, sum, out.Bytes()); err != nil {
		return nil, err
	}
	return m.existing(strings.Fields(out.String())), nil
}

func (m *Machine) existing(paths []string) []string {
	return slices.DeleteFunc(paths, func(p string) bool {
		_, err := os.Stat(m.root.Host(p))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// digest returns the digest of a file's content, from the facts if the file is the
// same as when it was read.
func (m *Machine) digest(p string, facts Facts) (digest.SHA256, error) {
	host := m.root.Host(p)
	id, err := identify(host)
	if err != nil {
		return digest.SHA256{}, err
	}
	h := digest.NewHasher("file identity")
	h.Field(host, id)
	const kind = "file"
	if data, ok := facts.Fact(kind, h.SHA256()); ok {
		if sum, err := digest.Parse(string(data)); err == nil {
			return sum, nil
		}
	}
	f, err := os.Open(host)
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
