package dpkg

// Linkable returns the rule that says whose shared libraries may be linked: those of
// the packages base, exactly; those of the declared packages; and those of what
// declared packages need, since who declares libssl-dev means libssl3. That other
// packages are installed, and even that every system has them, allows nothing:
// nobody would know that they are relied on.
func (d *Database) Linkable(base, declared []string) func(name string) bool {
	allowed := d.Closure(declared)
	for _, list := range [][]string{base, declared} {
		for _, name := range list {
			allowed[name] = true
		}
	}
	return func(name string) bool { return allowed[name] }
}
