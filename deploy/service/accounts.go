package service

import "slices"

// stateDirectory is /var/lib/Name and /var/log/Name, of the services of one user.
type stateDirectory struct{ Name, User, Group string }

// membership says that a user belongs to a group.
type membership struct{ User, Group string }

// listStaticUsers returns those that base-passwd gives every Debian, which nobody
// makes.
func listStaticUsers() []string {
	return []string{
		"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
		"list", "irc", "nobody", "_apt",
	}
}

// listStaticGroups returns base-passwd's groups that a service may be run with.
func listStaticGroups() []string {
	return append(listStaticUsers(), "adm", "tty", "disk", "dialout", "audio", "video", "plugdev", "staff", "users", "nogroup", "shadow", "utmp", "crontab", "ssl-cert")
}

// assignAccounts decides who owns what. The directories with the package's name
// belong to the first user that isn't root; other users and groups have directories
// of their own beside them, because systemd gives a directory to the user and the
// group of whichever unit started last. Every user is a member of the override file's
// group.
func (p *packageData) assignAccounts() {
	var main *serviceData
	for _, s := range p.Services {
		if main == nil || main.User == "root" {
			main = s
		}
	}
	if main == nil {
		return
	}
	p.OverrideGroup = main.Group
	p.assignDirectories(main)
	for _, s := range p.Services {
		for _, g := range []string{s.Group, p.OverrideGroup} {
			if m := (membership{s.User, g}); g != s.User && s.User != "root" && !slices.Contains(p.Members, m) {
				p.Members = append(p.Members, m)
			}
			if !slices.Contains(listStaticGroups(), g) && !slices.Contains(p.SysGroups, g) {
				p.SysGroups = append(p.SysGroups, g)
			}
		}
	}
}

func (p *packageData) assignDirectories(main *serviceData) {
	groups := map[string]string{main.User: main.Group} // the first of each user
	for _, s := range p.Services {
		first, seen := groups[s.User]
		if s.User != main.User {
			s.StateName = p.Package + "-" + s.User
		}
		if !seen {
			groups[s.User] = s.Group
		} else if s.Group != first {
			s.StateName = p.Package + "-" + s.User + "." + s.Group // no user has a dot
		}
		d := stateDirectory{s.StateName, s.User, s.Group}
		if slices.ContainsFunc(p.Directories, func(x stateDirectory) bool { return x.Name == d.Name }) {
			continue
		}
		p.Directories = append(p.Directories, d)
		known := slices.ContainsFunc(p.SysUsers, func(x stateDirectory) bool { return x.User == s.User })
		if !known && !slices.Contains(listStaticUsers(), s.User) {
			p.SysUsers = append(p.SysUsers, d)
		}
	}
}

// Sysusers tells whether there are users or groups to make.
func (p *packageData) Sysusers() bool { return len(p.SysUsers)+len(p.SysGroups)+len(p.Members) > 0 }
