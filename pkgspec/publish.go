package pkgspec

// PublishTarget is an apt repository to which packages go. Exactly one of Dir,
// S3, SSH, Aptly and HTTP says what kind it is of. No kind holds a secret: those
// come from the environment and the usual files of whoever publishes.
type PublishTarget struct {
	Name string
	// Dir is the repository's folder, relative to the spec's.
	Dir   string
	S3    *S3Target
	SSH   *SSHTarget
	Aptly *AptlyTarget
	HTTP  *HTTPTarget
	// Distribution is the suite, which only a target of the kind HTTP may leave
	// out. Component is empty for the kind Aptly, which knows its own.
	Distribution, Component string
	// Sign are the keys that sign, all of them: none leaves that to what the
	// target is set up with.
	Sign []SignKey
	// Create says what the repository is made like if there is none, or its
	// distribution; nil leaves that to people. It is for the kinds Dir, S3 and SSH.
	Create *CreateRepository
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

// SignKey names one key that signs. Exactly one of the fields is set; for a
// target of the kind Aptly that is GPG, a key of the server's.
type SignKey struct {
	// Key is the file of a secret key, relative to the spec's folder.
	Key string
	// GPG names a key of gpg's as its --local-user takes it.
	GPG string
	// Command is the argv of a program that signs.
	Command []string
}

// S3Target is a repository in a bucket.
type S3Target struct {
	Bucket string
	// Prefix is a clean relative path, or empty for the bucket's top.
	Prefix string
	// Endpoint is the address of the store's API; empty is Amazon's.
	Endpoint string
	// Region is empty unless the spec gives it.
	Region string
}

// SSHTarget is a repository's folder on another host, reached by SFTP.
type SSHTarget struct {
	// Host is a name, an address or an alias of ~/.ssh/config. User is empty and
	// Port 0 unless the spec gives them.
	Host, User string
	Port       int
	// Path is relative to the login's folder unless it is absolute.
	Path string
}

// String writes the target as an address.
func (s SSHTarget) String() string { return s.format() }

// AptlyTarget is a local repository of an aptly server, and where it is published.
type AptlyTarget struct {
	// URL is the base of the API, without the /api.
	URL string
	// Repo is the local repository's name.
	Repo string
	// Prefix is that of the publication; "." is the top.
	Prefix string
	// Unsigned leaves the publication without a signature.
	Unsigned bool
}

// HTTPTarget is a server that takes a package in one request. URL, Download, the
// headers and the fields may refer to the placeholders that PublishPlaceholders
// lists.
type HTTPTarget struct {
	// Method is PUT or POST.
	Method string
	// URL is where a package is sent.
	URL Value
	// Download is where it can be had afterwards; empty if that isn't known.
	Download Value
	// Headers are in the order of the spec.
	Headers []TemplateVar
	// Form is nil if the package is the body of the request.
	Form *HTTPForm
	Auth HTTPAuth
}

// HTTPForm sends a package as one part of multipart/form-data.
type HTTPForm struct {
	// File is the name of the part with the package.
	File string
	// Fields are the other parts, in the order of the spec.
	Fields []TemplateVar
}

// TemplateVar is a header or a field of a form.
type TemplateVar struct {
	Name  string
	Value Value
}

// HTTPAuth says how a request is authorized.
type HTTPAuth struct {
	Kind AuthKind
	// Header and Scheme are for AuthHeader: the header that holds the token, and
	// the word before it, or nothing.
	Header, Scheme string
}

// AuthKind is a way to authorize requests.
type AuthKind string

// The kinds of authorization.
const (
	// AuthAuto sends a name and a password if there are any for the target.
	AuthAuto AuthKind = "auto"
	// AuthNone sends nothing.
	AuthNone AuthKind = "none"
	// AuthBasic needs a name and a password.
	AuthBasic AuthKind = "basic"
	// AuthBearer needs a token.
	AuthBearer AuthKind = "bearer"
	// AuthHeader needs a token, which goes into a header of its own.
	AuthHeader AuthKind = "header"
)

// PublishPlaceholders are the names to which templates of a target may refer:
// the package's own, the first letter of its name, its file's name and SHA-256,
// and the target's distribution and component.
func PublishPlaceholders() []string {
	return []string{"name", "initial", "version", "arch", "file", "sha256", "distribution", "component"}
}
