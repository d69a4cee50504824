package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pathLen is the length in bytes of every prefix and work path, so that the
// weaker tiers can put one path in another's place inside binary files.
const pathLen = 64

// check says what of c is wrong. The directories of c become absolute and free of
// symlinks, as the namespace tiers look them up below another root.
func (c *Command) check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return &CommandError{"Argv", "no command"}
	}
	for _, kv := range c.Env {
		if i := strings.IndexByte(kv, '='); i <= 0 || strings.IndexByte(kv, 0) >= 0 {
			return &CommandError{"Env", fmt.Sprintf("%q is not NAME=value", kv)}
		}
	}
	if c.TTY {
		if _, ok := c.Stdin.(*os.File); !ok {
			return &CommandError{"TTY", "Stdin is not a terminal"}
		}
	}
	if err := checkPath("WorkPath", c.WorkPath); err != nil {
		return err
	}
	if err := resolveDir("Work", &c.Work); err != nil {
		return err
	}
	if err := resolveDir("Scratch", &c.Scratch); err != nil {
		return err
	}
	return c.checkLayers()
}

func (c *Command) checkLayers() error {
	seen := map[string]bool{c.WorkPath: true}
	layers := make([]Layer, len(c.Layers))
	for i, l := range c.Layers {
		field := fmt.Sprintf("Layers[%d]", i)
		if err := checkPath(field+".Prefix", l.Prefix); err != nil {
			return err
		}
		if seen[l.Prefix] {
			return &CommandError{field + ".Prefix", "two layers or the work directory have one path"}
		}
		seen[l.Prefix] = true
		if len(l.Lowers) > MaxLowers {
			return &CommandError{field + ".Lowers", fmt.Sprintf("%d directories, overlayfs has at most %d", len(l.Lowers), MaxLowers)}
		}
		l.Lowers = append([]string(nil), l.Lowers...)
		for j := range l.Lowers {
			if err := resolveDir(fmt.Sprintf("%s.Lowers[%d]", field, j), &l.Lowers[j]); err != nil {
				return err
			}
		}
		if l.Upper != "" {
			if err := resolveDir(field+".Upper", &l.Upper); err != nil {
				return err
			}
		}
		layers[i] = l
	}
	c.Layers = layers
	return nil
}

func checkPath(field, path string) error {
	if len(path) != pathLen || path[0] != '/' || strings.ContainsAny(path[1:], "/\x00") {
		return &CommandError{field, fmt.Sprintf("%q is not a name of %d bytes below the root", path, pathLen)}
	}
	return nil
}

func resolveDir(field string, dir *string) error {
	abs, err := filepath.Abs(*dir)
	if err != nil {
		return fmt.Errorf("sandbox: %s: %w", field, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return fmt.Errorf("sandbox: %s: %w", field, err)
	}
	if fi, err := os.Stat(abs); err != nil {
		return fmt.Errorf("sandbox: %s: %w", field, err)
	} else if !fi.IsDir() {
		return &CommandError{field, abs + " is not a directory"}
	}
	*dir = abs
	return nil
}
