package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb/publish/managed"
)

func (p *program) repoServeCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve a repository over HTTP, to try it; any web server does it too",
		UsageText: "envbuild repo serve [--listen ADDRESS] DIR",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "listen at `ADDRESS`; port 0 is any free one", Value: "127.0.0.1:8080"},
		},
		Action: p.withDir(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			if _, err := s.Open(ctx); err != nil {
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
		Handler: s.logRequests(managed.Handler(s.Root)), ReadHeaderTimeout: 30 * time.Second,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return &build.InterruptedError{Cause: context.Cause(ctx)}
}

func (s *repoSession) logRequests(h http.Handler) http.Handler {
	if !s.verbose {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(s.stderr, "%s %s %q\n", r.RemoteAddr, r.Method, r.URL.Path)
		h.ServeHTTP(w, r)
	})
}
