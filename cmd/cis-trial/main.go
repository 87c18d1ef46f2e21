// Command cis-trial is what docker-compose.yml needs beside CIS for people to
// try it: secrets made at the first start, a token issuer, and somebody's
// signed change to send. It is no part of a deployment that counts.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Secrets secretsCommand `cmd:"" help:"Make the secrets that are not there yet."`
	Issuer  issuerCommand  `cmd:"" help:"Issue tokens."`
	Token   tokenCommand   `cmd:"" help:"Print a token that may do everything."`
	Change  changeCommand  `cmd:"" help:"Print a signed profile: a new person, as a publisher sends one."`
	Answers answersCommand `cmd:"" help:"Fail unless a GET of this URL is answered with 200."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := kong.Parse(&commands{}, kong.Name("cis-trial"), kong.UsageOnError(),
		kong.Description("What trying CIS takes beside CIS."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cis-trial:", err)
		os.Exit(1)
	}
}
