package s3

import (
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// newCredentials looks for a key as Amazon's own tools do: in AWS_ACCESS_KEY_ID
// and its companions, in ~/.aws (by AWS_PROFILE), and from the machine's or the
// container's role, of which only Amazon's machines and containers have one.
func newCredentials(getenv func(string) string, onAmazon bool) *credentials.Credentials {
	k := &keys{getenv: getenv, providers: []credentials.Provider{
		&credentials.FileAWSCredentials{Profile: getenv("AWS_PROFILE")},
	}}
	role := onAmazon
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		role = role || getenv(name) != ""
	}
	if role && getenv("AWS_EC2_METADATA_DISABLED") != "true" {
		// No proxy: the machine itself is asked, and answers at once or not at all.
		k.providers = append(k.providers, &credentials.IAM{
			Client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}, Region: getenv("AWS_REGION"),
		})
	}
	return credentials.New(k)
}

// keys is a credentials.Provider that takes the first key that there is, and
// fails if there is none: the library would go on without.
type keys struct {
	getenv    func(string) string
	providers []credentials.Provider
	current   credentials.Provider // nil: from the environment
}

// RetrieveWithCredContext implements credentials.Provider.
func (k *keys) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	id, secret := k.getenv("AWS_ACCESS_KEY_ID"), k.getenv("AWS_SECRET_ACCESS_KEY")
	if id != "" && secret != "" {
		return credentials.Value{
			AccessKeyID: id, SecretAccessKey: secret, SessionToken: k.getenv("AWS_SESSION_TOKEN"),
			SignerType: credentials.SignatureV4,
		}, nil
	}
	for _, p := range k.providers {
		v, err := p.RetrieveWithCredContext(cc)
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			k.current = p
			return v, nil
		}
	}
	return credentials.Value{}, &localError{ErrNoKey}
}

// Retrieve implements credentials.Provider.
func (k *keys) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider.
func (k *keys) IsExpired() bool { return k.current != nil && k.current.IsExpired() }

// ErrNoKey says that there is no key for the store.
var ErrNoKey error = &noKeyError{}

type noKeyError struct{}

func (e *noKeyError) Error() string { return "there is no key for the store" }

// Hint says where it is looked for.
func (e *noKeyError) Hint() string {
	return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws"
}
