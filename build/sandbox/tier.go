package sandbox

import "fmt"

// Tier says how much a sandbox keeps from a command. A greater tier is a
// stronger one.
type Tier int

// The tiers, weakest first.
const (
	// None keeps nothing away: the command runs with the caller's rights and the
	// network. It still sees its layers at paths of its own.
	None Tier = iota
	// Landlock denies, by Landlock and a seccomp filter, the network, connections
	// to other processes and all files but the system's compilers and the
	// step's own directories. Paths differ from step to step and are put back when the
	// step ends. The command still sees that files and processes exist, the real
	// user, host name and /etc/passwd, and can't connect even to a unix socket of
	// its own or use POSIX shared memory.
	Landlock
	// NamespacesNoPID is Namespaces without a pid namespace, for containers whose
	// /proc is masked: the command sees that other processes exist, and before
	// Linux 6.12 can signal those of its user.
	NamespacesNoPID
	// Namespaces gives the command a file system, network, host name, process list
	// and user of its own.
	Namespaces
)

var tierNames = [...]string{
	None:            "none",
	Landlock:        "landlock",
	NamespacesNoPID: "namespaces-nopid",
	Namespaces:      "namespaces",
}

// Tiers returns all tiers, strongest first.
func Tiers() []Tier { return []Tier{Namespaces, NamespacesNoPID, Landlock, None} }

// String returns the tier's name: "namespaces", "namespaces-nopid", "landlock"
// or "none".
func (t Tier) String() string {
	if t < 0 || int(t) >= len(tierNames) {
		return fmt.Sprintf("tier(%d)", int(t))
	}
	return tierNames[t]
}

// ParseTier reads what String writes.
func ParseTier(s string) (Tier, error) {
	for t, name := range tierNames {
		if s == name {
			return Tier(t), nil
		}
	}
	return None, fmt.Errorf("%q is not a sandbox tier: expected namespaces, namespaces-nopid, landlock or none", s)
}

// mounts reports whether the tier shows layers by mounting them at their
// prefixes, instead of copying them to paths of the step's own.
func (t Tier) mounts() bool { return t >= NamespacesNoPID }
