package pkgspec

// PublishTarget is an apt repository to which packages go. It holds no secret:
// those come from the environment and the usual files of whoever publishes.
type PublishTarget struct {
	Name string
	// Where is a DirTarget, S3Target, SSHTarget, AptlyTarget or HTTPTarget.
	Where PublishPlace
	// Distribution is the suite, which only an HTTPTarget may leave out. Component
	// is empty for an AptlyTarget, which knows its own.
	Distribution, Component string
	// Sign are the keys that sign, all of them: none leaves that to what the
	// target is set up with.
	Sign []SignKey
	// Create says what the repository is made like if there is none, or its
	// distribution; nil leaves that to people. A server of its own makes its own.
	Create *CreateRepository
}

// PublishPlace says where a target's repository is. Each kind of targets has a type.
type PublishPlace interface {
	// Kind is the kind's key in the spec.
	Kind() string
}

// CreateRepository is what a new repository is like.
type CreateRepository struct {
	// Architectures are Debian's names; none is that of the machine.
	Architectures []string
	// Origin, Label and Description are what the release files say. An empty Origin
	// is the target's name, an empty Label the origin.
	Origin, Label, Description string
	// URL is where clients find the repository, or empty.
	URL string
	// Contents lists the packages' files too.
	Contents bool
	// Key makes the secret key of Sign as well, if its file isn't there.
	Key bool
}

// SignKey names one key that signs. Exactly one of the fields is set; for an
// AptlyTarget that is GPG, a key of the server's.
type SignKey struct {
	// Key is the file of a secret key, relative to the spec's directory.
	Key string
	// GPG names a key of gpg's as its --local-user takes it.
	GPG string
	// Command is the argv of a program that signs.
	Command []string
}
