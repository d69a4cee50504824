package fetch

import (
	"errors"
	"fmt"
	"net/http"
)

// withRedirectRules returns a copy of the client whose redirects carry
// credentials only to where they belong: net/http itself would send them to
// subdomains, other ports and from https to http.
func (f *Fetcher) withRedirectRules(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		first := via[0]
		switch {
		case len(via) >= 10:
			return errors.New("redirected more than 10 times")
		case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
			return fmt.Errorf("redirected from https to %s", place{url: req.URL})
		}
		req.Header.Del("Authorization")
		if req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host {
			req.Header["Authorization"] = first.Header["Authorization"]
			return nil
		}
		req.URL.User = nil
		return f.authorize(req, false)
	}
	return &c
}

// authorize adds credentials from the address, from Options.Authorization or from
// netrc. The netrc's entry for any host is used only for addresses that the project
// names itself.
func (f *Fetcher) authorize(req *http.Request, named bool) error {
	if user := req.URL.User; user != nil {
		req.URL.User = nil
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
		return nil
	}
	if f.opts.Authorization != nil {
		if header := f.opts.Authorization(req.URL.String()); header != "" {
			req.Header.Set("Authorization", header)
			return nil
		}
	}
	n, err := f.netrc()
	if err != nil {
		return err
	}
	if login, ok := n.Find(req.URL.Hostname(), named); ok {
		req.SetBasicAuth(login.Name, login.Password)
	}
	return nil
}
