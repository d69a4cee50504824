package stall_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/stall"
)

func TestTransport(t *testing.T) {
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/deaf":
			<-silent
		case "/mute":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-silent
		case "/echo":
			_, _ = io.Copy(w, r.Body)
		}
	}))
	defer server.Close()
	defer close(silent)
	var stalled *stall.Error
	short := http.Client{Transport: stall.Transport(&http.Transport{}, 20*time.Millisecond)}
	if _, err := short.Get(server.URL + "/deaf"); !errors.As(err, &stalled) || stalled.After != 20*time.Millisecond {
		t.Errorf("no answer: %v", err)
	}
	long := http.Client{Transport: stall.Transport(&http.Transport{}, time.Hour)}
	resp, err := long.Post(server.URL+"/echo", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || string(b) != "hello" || resp.Body.Close() != nil {
		t.Errorf("echo: %q, %v", b, err)
	}
	half := http.Client{Transport: stall.Transport(&http.Transport{}, 500*time.Millisecond)}
	resp, err = half.Get(server.URL + "/mute")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); !errors.As(err, &stalled) || string(b) != "half" {
		t.Errorf("half an answer: %q, %v", b, err)
	}
}
