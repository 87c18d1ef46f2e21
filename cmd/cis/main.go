// Command cis is CIS in production: its processes, and what operators need to
// set them up and keep the vault in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"cis/config"
)

type commands struct {
	API      apiCommand       `cmd:"" name:"api" help:"Serve the APIs."`
	Worker   workerCommand    `cmd:"" help:"Carry changes out."`
	Serve    serveCommand     `cmd:"" help:"Do both in one process."`
	Ready    readyCommand     `cmd:"" help:"Ask the process on this machine whether it is ready; the exit status is 0 if it is."`
	Config   configCommands   `cmd:"" help:"Look at the configuration."`
	Temporal temporalCommands `cmd:"" help:"Look after Temporal."`
	Vault    vaultCommands    `cmd:"" help:"Look after the vault."`

	PayloadKeys payloadKeysCommands `cmd:"" name:"payload-keys" help:"Look after the keys that histories are encrypted with."`
}

// interrupted is the exit status of a command that was stopped, as a shell has
// it.
const interrupted = 130

// untilSignal returns a context that ends with the first signal to stop. The
// second one ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(interrupted)
	}()
	return ctx
}

func main() {
	ctx := untilSignal()
	all := commands{
		API: apiCommand{config.NewFlags()}, Worker: workerCommand{config.NewFlags()}, Serve: serveCommand{config.NewFlags()},
	}
	all.Config.Show.Flags, all.Temporal.Init.Flags = config.NewFlags(), config.NewFlags()
	all.Temporal.Promote.Flags, all.Ready.Flags = config.NewFlags(), config.NewFlags()
	all.Vault = vaultCommands{initialize{config.NewFlags()}, check{config.NewFlags()}, reindex{config.NewFlags()}}
	command := kong.Parse(&all, kong.Name("cis"), kong.UsageOnError(),
		kong.Description("The Change Integration Service."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := command.Run()
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "cis: stopped; run the same command again to go on")
		os.Exit(interrupted)
	default:
		fmt.Fprintln(os.Stderr, "cis:", err)
		os.Exit(1)
	}
}
