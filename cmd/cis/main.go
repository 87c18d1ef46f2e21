// Command cis is what operators run: for now, what keeps a vault in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Vault vaultCommands `cmd:"" help:"Look after the vault."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := kong.Parse(&commands{}, kong.Name("cis"), kong.UsageOnError(),
		kong.Description("The Change Integration Service's tools."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := command.Run()
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "cis: stopped; run the same command again to go on")
		os.Exit(130) // as a shell has it
	default:
		fmt.Fprintln(os.Stderr, "cis:", err)
		os.Exit(1)
	}
}
