// Command mirror makes the CPAN mirrors of the sample application in a directory:
//
//	go run ./internal/cpantest/mirror DIR
//
// The archives come from the Debian mirrors of the machine's apt sources. What
// is there stays, so it can be run before every test.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/envbuild/envbuild/internal/cpantest"
	"github.com/envbuild/envbuild/internal/hint"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "mirror: %v\n", err)
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(os.Stderr, "  hint: %s\n", h)
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: mirror DIR")
	}
	start := time.Now()
	maker, err := cpantest.NewMaker(&http.Client{Timeout: time.Minute})
	if err != nil {
		return err
	}
	brought, err := maker.Make(ctx, args[0])
	if err != nil {
		return err
	}
	if brought > 0 {
		fmt.Fprintf(stderr, "mirror: %d archives in %v\n", brought, time.Since(start).Round(time.Millisecond))
	}
	return nil
}
