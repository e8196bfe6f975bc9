// Command demo shows what the provider does, on brokers inside its own process
// and with the Terraform or OpenTofu of this machine: plan, apply, a plan that
// is empty, and a destroy that restores. It checks every number that it shows.
// It must not know more of the provider than its users do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	picture := flag.String("svg", "", "draw the output into this `file` instead of printing it")
	flag.Parse()
	// A closed terminal and a reader who has seen enough are interruptions too:
	// whatever ends the demo, it clears up behind itself.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, *picture)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
	case interrupted && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "Interrupted.")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "The demo has failed:", err)
		os.Exit(1)
	}
}

// run shows the demo on the terminal, or draws it if picture names a file.
func run(ctx context.Context, picture string) error {
	if picture == "" {
		return show(ctx, &screen{out: os.Stdout, colours: colourful(os.Stdout)})
	}
	s := &screen{timeless: true}
	s.print(command, "$ make demo")
	s.blank()
	if err := show(ctx, s); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(picture), 0o755); err != nil {
		return err
	}
	return os.WriteFile(picture, drawing(s.lines), 0o644)
}
