package lang

// RegistryConfigurer is a language whose ecosystem has configuration of its own that
// says where archives come from: variables, files of the project or of the person.
type RegistryConfigurer interface {
	// Registries reads it. It returns none where nothing is configured. An error names
	// the variable or the file, and no address that may hold a secret.
	Registries(c Configuration) ([]Registry, error)
}

// Configuration is what a language may read of the caller.
type Configuration struct {
	// Getenv is os.Getenv.
	Getenv func(name string) string
	// ReadFile reads a file of the project.
	ReadFile ReadFile
}

// Registry is a place that has an ecosystem's archives.
type Registry struct {
	// Address is the base of its addresses.
	Address string
	// Scope is the part of the ecosystem that the registry is for, in words of the
	// language's own; empty is all of it.
	Scope string
	// Authorization is the header of that name (RFC 9110 §11.6.2) which the ecosystem's
	// configuration gives for what is below Address, such as "Bearer …"; empty leaves
	// credentials to ~/.netrc. It is never printed or written into a lock.
	Authorization string
}

// Addresses lists the addresses of the registries that are for everything.
func Addresses(registries []Registry) []string {
	var out []string
	for _, r := range registries {
		if r.Scope == "" {
			out = append(out, r.Address)
		}
	}
	return out
}
