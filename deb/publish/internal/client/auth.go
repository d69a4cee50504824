package client

import (
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/envbuild/envbuild/internal/netrc"
)

// Auth is what authorizes requests. The zero value is nothing.
type Auth struct {
	header, value string
	secret        []string
	// origin says where it comes from, and missing where it could come from.
	origin, missing string
}

// BasicAuth is a name and a password.
func BasicAuth(name, password, origin string) Auth {
	pair, secret := base64.StdEncoding.EncodeToString([]byte(name+":"+password)), password
	if secret == "" {
		secret = name // packagecloud and Gemfury take a token as the name
	}
	return Auth{
		header: "Authorization", value: "Basic " + pair, origin: origin,
		secret: []string{pair, secret, url.QueryEscape(secret), url.PathEscape(secret)},
	}
}

// TokenAuth is a token in a header, behind a word if scheme isn't empty.
func TokenAuth(header, scheme, token, origin string) Auth {
	value := token
	if scheme != "" {
		value = scheme + " " + token
	}
	return Auth{
		header: http.CanonicalHeaderKey(header), value: value, origin: origin,
		secret: []string{token, url.QueryEscape(token), url.PathEscape(token)},
	}
}

func (a Auth) apply(h http.Header) {
	if a.header != "" {
		h.Set(a.header, a.value)
	}
}

func (a Auth) remove(h http.Header) {
	h.Del("Authorization")
	if a.header != "" {
		h.Del(a.header)
	}
}

func (a Auth) secrets() []string { return a.secret }

// Kind is a way to authorize.
type Kind int

// The ways.
const (
	// Auto is Basic if there is a login for the host, else None.
	Auto Kind = iota
	// None sends nothing.
	None
	// Basic needs a name and a password.
	Basic
	// Token needs a token.
	Token
)

// Ask says which secret is looked for.
type Ask struct {
	Kind Kind
	// Header and Scheme say where a token goes: Authorization and Bearer unless a
	// header is given.
	Header, Scheme string
	// Variables is what the names of the variables begin with:
	// "ENVBUILD_PUBLISH_INTERNAL" is for ENVBUILD_PUBLISH_INTERNAL_TOKEN.
	Variables string
	// Host is the one that netrc is asked for.
	Host string
}

// MissingError says that there is no secret where one is needed.
type MissingError struct{ what, hint string }

func (e *MissingError) Error() string { return "there is no " + e.what }

// Hint says where it is looked for.
func (e *MissingError) Hint() string { return e.hint }

// Find looks for the secret in the environment, then for a login in netrc. The
// error is a *MissingError if one is needed that isn't there.
func Find(ask Ask, getenv func(string) string) (Auth, error) {
	user, password, token := ask.Variables+"_USER", ask.Variables+"_PASSWORD", ask.Variables+"_TOKEN"
	switch ask.Kind {
	case None:
		return Auth{missing: "the spec says auth: none"}, nil
	case Token:
		if ask.Header == "" {
			ask.Header, ask.Scheme = "Authorization", "Bearer"
		}
		if t := getenv(token); t != "" {
			return TokenAuth(ask.Header, ask.Scheme, t, token), nil
		}
		return Auth{}, &MissingError{what: "token", hint: "set " + token}
	}
	places := "set " + user + " and " + password + ", or write the login of " + ask.Host + " into ~/.netrc"
	if name, secret := getenv(user), getenv(password); name != "" || secret != "" {
		return BasicAuth(name, secret, user+" and "+password), nil
	}
	file, err := netrc.Read(getenv)
	if err != nil {
		return Auth{}, err
	}
	if login, ok := file.Find(ask.Host, false); ok {
		return BasicAuth(login.Name, login.Password, "~/.netrc"), nil
	}
	if ask.Kind == Basic {
		return Auth{}, &MissingError{what: "user name and password", hint: places}
	}
	return Auth{missing: places}, nil
}
