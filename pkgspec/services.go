package pkgspec

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ServiceInstance is the variable that tells a service with several instances
// which of them it is, counted from 1. The values of a service may refer to it.
const ServiceInstance = "SERVICE_INSTANCE"

// judgeService checks what a service's keys mean together, and gives restart the
// default that depends on them.
func judgeService(d *decoder, n *Node, at string, s *Service) bool {
	before := len(d.errs)
	if len(s.Run) == 0 || len(s.Run[0]) == 0 || strings.HasPrefix(s.Run[0][0].Literal, "-") {
		d.fail(n.field("run").Key, join(at, "run"), "names no command", "write it like this: run: [script/web]")
	}
	if s.Hot != nil && s.Listen == nil {
		d.fail(n.field("hot").Key, join(at, "hot"), "needs a socket to keep open", "add listen, or delete hot")
	}
	if s.Schedule != "" {
		for _, other := range []string{"hot", "instances", "listen"} {
			if f := n.field(other); f != nil {
				d.fail(f.Key, join(at, other), "has no meaning for a service with a schedule", "delete one of the two")
			}
		}
		if s.Restart == RestartAlways {
			d.fail(n.Get("restart"), join(at, "restart"), "a service with a schedule can't have restart: always", "write on-failure or no")
		}
	}
	if s.Hot != nil && s.Instances > 1 {
		d.fail(n.field("instances").Key, join(at, "instances"), "a hot service has one socket, so it can have only one instance",
			"let the server start more processes of its own, or delete hot")
	}
	if s.Restart == "" {
		s.Restart = RestartAlways
		if s.Schedule != "" {
			s.Restart = RestartNo
		}
	}
	return len(d.errs) == before
}

// finishServices checks what depends on the rest of the spec and on the other
// services, and gives users and groups their defaults.
func (s *Spec) finishServices(d *decoder, known []string) {
	known = append(slices.Clone(known), ServiceInstance)
	for i := range s.Services {
		v := &s.Services[i]
		at := []string{"services", v.Name}
		all := s.checkEnv(d, append(at, "env"), v.Env, known)
		for i, arg := range v.Run {
			checkRefs(d, append(at, "run", fmt.Sprint(i)), arg, all)
		}
		checkRefs(d, append(at, "listen"), v.Listen, all)
		s.giveUser(d, v)
		s.checkListen(d, v)
		s.checkFormats(d, v)
	}
	s.checkClashes(d)
}

// giveUser fills in whom a service runs as.
func (s *Spec) giveUser(d *decoder, v *Service) {
	if v.User == "" {
		v.User = strings.NewReplacer(".", "-", "+", "-").Replace(s.Name)
		if v.User[0] >= '0' && v.User[0] <= '9' {
			v.User = "_" + v.User
		}
		if p := checkUser(v.User); p.message != "" {
			d.fail(d.doc.find([]string{"services", v.Name}), join("services", v.Name), "the default user can't be used: "+p.message, "set user")
		}
	}
	if v.Group == "" {
		v.Group = v.User
		// Users of base-passwd that have no group of their name.
		if slices.Contains([]string{"nobody", "_apt", "sync"}, v.User) {
			v.Group = "nogroup"
		}
	}
}

// Listens returns what the service listens on, if the spec alone says it: a port,
// an address with a port, or the path of a socket. spec is the spec's Env.
func (v Service) Listens(spec []EnvVar) (string, bool) {
	values := map[string]string{}
	for _, e := range v.Environment(spec) {
		delete(values, e.Name)
		if e.List || len(e.Values) != 1 {
			continue
		}
		if text, ok := expandKnown(e.Values[0], values); ok {
			values[e.Name] = text
		}
	}
	text, ok := expandKnown(v.Listen, values)
	return text, ok && v.Listen != nil
}

// Environment is the environment of a service: that of the spec, in which the
// service's own values stand in the place of those that they replace, so that
// what refers to them follows.
func (v Service) Environment(spec []EnvVar) []EnvVar {
	vars := slices.Clone(spec)
	for _, e := range v.Env {
		i := slices.IndexFunc(vars, func(x EnvVar) bool { return x.Name == e.Name && !x.List && !e.List })
		if i >= 0 {
			vars[i] = e
		} else {
			vars = append(vars, e)
		}
	}
	return vars
}

func expandKnown(v Value, values map[string]string) (string, bool) {
	known := true
	text := v.Expand(func(name string) string {
		value, ok := values[name]
		known = known && ok
		return value
	})
	return text, known
}

func (s *Spec) checkListen(d *decoder, v *Service) {
	at := []string{"services", v.Name, "listen"}
	text, known := v.Listens(s.Env)
	if !known {
		return
	}
	if p := checkAddress(text); p.message != "" {
		d.fail(d.doc.find(at), strings.Join(at, "."), p.message, p.hint)
		return
	}
	if v.Instances > 1 {
		d.fail(d.doc.find(at), strings.Join(at, "."), fmt.Sprintf("%d instances can't all listen on %s", v.Instances, quote(text)),
			"give each its own with ${"+ServiceInstance+"}, as in \"508${"+ServiceInstance+"}\"")
	}
	for _, other := range s.Services {
		if other.Name == v.Name {
			return
		}
		if theirs, ok := other.Listens(s.Env); ok && theirs == text {
			d.fail(d.doc.find(at), strings.Join(at, "."), "the service "+other.Name+" already listens on "+quote(text), "give it another port")
		}
	}
}

// maxSocketPath is the room in a sockaddr_un, with its NUL.
const maxSocketPath = 107

// checkAddress accepts a port, an address with a port, or the path of a socket.
func checkAddress(s string) problem {
	const hint = `write a port, an address with a port or the path of a socket: 5555, "127.0.0.1:5555", "[::1]:5555", /run/some-application/web/socket`
	if strings.HasPrefix(s, "/") {
		switch {
		case path.Clean(s) != s || s == "/":
			return problem{quote(s) + " is not a clean socket path", hint}
		case strings.HasPrefix(s, "/tmp/") || strings.HasPrefix(s, "/var/tmp/"):
			return problem{quote(s) + " can't be reached from outside: units have their own /tmp and /var/tmp",
				"choose a path below the service's runtime directory, such as /run/some-application/web/socket"}
		case len(s) > maxSocketPath:
			return problem{fmt.Sprintf("a socket path can have at most %d bytes, and %s has %d", maxSocketPath, quote(s), len(s)), "choose a shorter one"}
		}
		return problem{}
	}
	host, port := "", s
	if i := strings.LastIndex(s, ":"); i >= 0 {
		host, port = s[:i], s[i+1:]
		if !isHost(host) {
			return problem{quote(host) + " is not a valid host", hint}
		}
	}
	n, err := strconv.Atoi(port)
	return expect(err == nil && n >= 1 && n <= 65535 && port == strconv.Itoa(n), s, "a valid port or address", hint)
}

func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && addr.Is6() && strings.HasSuffix(s, "]")
	}
	if regexp.MustCompile(`^[0-9.]+$`).MatchString(s) {
		_, err := netip.ParseAddr(s)
		return err == nil
	}
	return matches(`[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*`, s)
}

// checkFormats refuses a schedule where nothing keeps it.
func (s *Spec) checkFormats(d *decoder, v *Service) {
	if v.Schedule == "" || s.hasTimers() {
		return
	}
	at := []string{"services", v.Name, "schedule"}
	d.fail(d.doc.find(at), strings.Join(at, "."), "none of the service managers in services_format has timers", "add systemd to services_format, or ship a file of /etc/cron.d through package.contents")
}

// checkClashes refuses services whose files would have one name.
func (s *Spec) checkClashes(d *decoder) {
	owner := map[string]string{}
	for _, v := range s.Services {
		names := []string{v.Name, v.Name + ".rc"}
		if v.Hot != nil {
			names = append(names, v.Name+".generation")
		}
		for i := 1; v.Instances > 1 && i <= v.Instances; i++ {
			names = append(names, fmt.Sprintf("%s-%d", v.Name, i))
		}
		for _, name := range names {
			if other, ok := owner[name]; ok && other != v.Name {
				d.fail(d.doc.find([]string{"services", v.Name}), join("services", v.Name),
					fmt.Sprintf("this service and %s both need the name %q for a file or an instance", other, name), "rename one of them")
				break
			}
			owner[name] = v.Name
		}
	}
}
