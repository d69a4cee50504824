package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
)

func (p *program) repoServeCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve a repository over HTTP, to try it; any web server does it too",
		UsageText: "envbuild repo serve [--listen ADDRESS] DIR",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "listen at `ADDRESS`; port 0 is any free one", Value: "127.0.0.1:8080"},
		},
		Action: p.withFolder(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			if _, err := s.open(ctx, c, false); err != nil {
				return err
			}
			var lc net.ListenConfig
			l, err := lc.Listen(ctx, "tcp", c.String("listen"))
			if err != nil {
				return err
			}
			address := "http://" + l.Addr().String() + "/"
			if s.json {
				err = s.printJSON(map[string]string{"url": address})
			} else {
				err = s.println(address)
			}
			if err != nil {
				return errors.Join(err, l.Close())
			}
			return s.serve(ctx, l)
		}),
	}
}

// serve answers until the context ends, which is how it is stopped.
func (s *repoSession) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.logged(repoHandler(s.folder.Root())), ReadHeaderTimeout: 30 * time.Second,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return &build.InterruptedError{Cause: context.Cause(ctx)}
}

// repoHandler serves what clients ask for, and nothing of what publishers keep.
func repoHandler(root string) http.Handler {
	files := http.FileServer(http.Dir(root))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean("/" + r.URL.Path)
		if strings.Contains(name, "/.") {
			http.NotFound(w, r)
			return
		}
		if strings.Contains(name, "/by-hash/") || strings.HasPrefix(name, "/pool/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		files.ServeHTTP(w, r)
	})
}

func (s *repoSession) logged(h http.Handler) http.Handler {
	if !s.verbose {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(s.stderr, "%s %s %q\n", r.RemoteAddr, r.Method, r.URL.Path)
		h.ServeHTTP(w, r)
	})
}
