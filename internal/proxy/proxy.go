// Package proxy makes HTTP transports that honour the proxy variables.
package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Transport returns a transport that honours the proxy variables as they are in
// getenv: http_proxy, https_proxy, no_proxy, in lower or upper case.
func Transport(getenv func(string) string) *http.Transport {
	either := func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return getenv(strings.ToUpper(name))
	}
	config := httpproxy.Config{
		HTTPProxy: either("http_proxy"), HTTPSProxy: either("https_proxy"), NoProxy: either("no_proxy"),
		CGI: getenv("REQUEST_METHOD") != "",
	}
	proxy := config.ProxyFunc()
	return &http.Transport{
		Proxy:               func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
	}
}
