package dial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// config is what ~/.ssh/config and the machine's own say, the first first.
type config struct {
	files  []*ssh_config.Config
	getenv func(string) string
}

// readConfig reads what can be read: a file with Match, say, can't be, and the
// user is told.
func readConfig(opts Options) *config {
	c := &config{getenv: opts.Getenv}
	paths := []string{"/etc/ssh/ssh_config"}
	if home := opts.Getenv("HOME"); home != "" {
		paths = append([]string{filepath.Join(home, ".ssh", "config")}, paths...)
	}
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var parsed *ssh_config.Config
		if err == nil {
			parsed, err = decode(data)
		}
		switch {
		case err == nil:
			c.files = append(c.files, parsed)
		case i < len(paths)-1: // of the machine's own nobody expects much
			opts.Notice(fmt.Sprintf("%s is left out: %v", path, err))
		}
	}
	return c
}

// decode is the library's function without its panics.
func decode(data []byte) (c *ssh_config.Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return ssh_config.DecodeBytes(data)
}

func (c *config) get(host, key string) string {
	for _, f := range c.files {
		if v, err := f.Get(host, key); err == nil && v != "" {
			return v
		}
	}
	return ""
}

func (c *config) all(host, key string) (out []string) {
	for _, f := range c.files {
		if v, err := f.GetAll(host, key); err == nil {
			out = append(out, v...)
		}
	}
	return out
}

// host fills in what the config says of a host.
func (c *config) host(name string) host {
	h := host{
		name: name, addr: name, port: 22,
		user:      c.get(name, "User"),
		alias:     c.get(name, "HostKeyAlias"),
		onlyThese: strings.EqualFold(c.get(name, "IdentitiesOnly"), "yes"),
		agent:     c.getenv("SSH_AUTH_SOCK"),
	}
	if v := c.get(name, "HostName"); v != "" {
		h.addr = strings.NewReplacer("%%", "%", "%h", name).Replace(v)
	}
	if p, err := strconv.Atoi(c.get(name, "Port")); err == nil {
		h.port = p
	}
	if h.user == "" {
		h.user = first(c.getenv("USER"), c.getenv("LOGNAME"), "root")
	}
	if v := c.get(name, "IdentityAgent"); v != "" && v != "SSH_AUTH_SOCK" {
		h.agent = c.path(h, v)
		if v == "none" {
			h.agent = ""
		}
	}
	for _, v := range c.all(name, "IdentityFile") {
		h.identities = append(h.identities, c.path(h, v))
	}
	for _, key := range []string{"UserKnownHostsFile", "GlobalKnownHostsFile"} {
		for _, v := range strings.Fields(c.get(name, key)) {
			h.knownHosts = append(h.knownHosts, c.path(h, v))
		}
	}
	if len(h.knownHosts) == 0 {
		for _, v := range []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"} {
			h.knownHosts = append(h.knownHosts, c.path(h, v))
		}
	}
	if v := c.get(name, "ProxyCommand"); v != "" && v != "none" {
		h.command = c.tokens(h, v)
	} else if v := c.get(name, "ProxyJump"); v != "" && v != "none" {
		h.jumps = strings.Split(v, ",")
	}
	return h
}

// jump reads [user@]host[:port], as ProxyJump has it.
func (c *config) jump(s string) host {
	s = strings.TrimPrefix(strings.TrimSpace(s), "ssh://")
	user, rest, ok := strings.Cut(s, "@")
	if !ok {
		user, rest = "", s
	}
	name, port := rest, 0
	if i := strings.LastIndex(rest, ":"); i > strings.LastIndex(rest, "]") {
		if p, err := strconv.Atoi(rest[i+1:]); err == nil && strings.Count(rest[:i], ":") == 0 || strings.HasSuffix(rest[:i], "]") {
			name, port = rest[:i], p
		}
	}
	h := c.host(strings.Trim(name, "[]"))
	if user != "" {
		h.user = user
	}
	if port != 0 {
		h.port = port
	}
	return h
}

// path fills in the tokens of ssh_config(5) that stand in names of files.
func (c *config) path(h host, s string) string {
	return home(c.getenv, c.tokens(h, strings.Trim(s, `"`)))
}

func (c *config) tokens(h host, s string) string {
	return strings.NewReplacer(
		"%%", "%", "%d", c.getenv("HOME"), "%h", h.addr, "%n", h.name, "%p", strconv.Itoa(h.port),
		"%r", h.user, "%u", first(c.getenv("USER"), c.getenv("LOGNAME")),
	).Replace(s)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
