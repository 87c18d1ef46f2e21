// Command cis-dev runs a whole CIS in one process, with nothing to install:
// the API, the workers, and embedded stand-ins for the servers of production.
// Everything is kept in one folder and goes on where it was at the next start.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"cis/api"
	"cis/cmd/cis-dev/samples"
	"cis/cmd/cis-dev/stack"
	"cis/logs"
	"cis/service"
	"cis/webhook"
)

type flags struct {
	DataDir   string   `help:"Folder for everything that is kept." default:".cis-dev"`
	NoSamples bool     `help:"Start empty, without the sample people and receivers."`
	WellKnown []string `help:"Trust the publishers' keys of this well-known document instead of generated ones; may be repeated, the keys add up. Implies --no-samples." type:"existingfile" sep:"none" placeholder:"FILE"`
	Webhook   []string `help:"Tell this URL of every change; may be repeated." placeholder:"NAME=URL" sep:"none"`

	WebhookRetries   []time.Duration `help:"Waits between attempts at a webhook; after the last it is parked." default:"250ms,500ms,1s,2s"`
	DirectoryRetries []time.Duration `help:"Waits between attempts at the directory; after the last it is parked." default:"250ms,500ms,1s,2s,5s,10s,30s,1m,5m"`
	Deadline         time.Duration   `help:"How long a publisher waits before the answer is 202." default:"10s"`
	BatchDeadline    time.Duration   `help:"How long the publisher of many profiles waits before the answer is 202." default:"1m"`
	AllowDelete      bool            `help:"Let people be deleted."`
	RateLimit        float64         `help:"Requests a second that each client may send on average, and twice as many at once; 0 for no limit." default:"1000"`
	EncryptHistories bool            `help:"Encrypt what is written to Temporal." default:"true" negatable:""`
	RequireBound     []string        `help:"Refuse signatures of this publisher that do not say whose attribute they are of, and which; may be repeated." placeholder:"PUBLISHER" enum:"ldap,hris,access_provider,mozilliansorg,cis"`
	Salt             string          `help:"Derive people's uuids with this salt instead of a generated one." placeholder:"TEXT"`
	PersonURL        string          `help:"Where clients reach the Person API, if not where they reach the Change API." placeholder:"URL"`
	TokenIssuer      string          `help:"Take the tokens of this issuer instead of the embedded one's." placeholder:"URL"`
	TokenJWKS        string          `help:"Where that issuer's keys are." placeholder:"URL" name:"token-jwks"`

	API      string `help:"Address of the APIs." default:"127.0.0.1:8080"`
	Temporal string `help:"Address of Temporal's frontend." default:"127.0.0.1:7233"`
	UI       string `help:"Address of Temporal's web UI." default:"127.0.0.1:8233"`
	LDAP     string `help:"Address of the LDAP directory." default:"127.0.0.1:3389"`
	Issuer   string `help:"Address of the token issuer." default:"127.0.0.1:8090"`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("cis-dev"), kong.UsageOnError(),
		kong.Description("A whole CIS in one process, for development."))
	if err := run(f); err != nil {
		fmt.Fprintln(os.Stderr, "cis-dev:", err)
		os.Exit(1)
	}
}

func run(f flags) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := f.options()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.DataDir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(f.DataDir, "cis-dev.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	options.Logger = logs.New(file, slog.LevelInfo)
	gin.SetMode(gin.ReleaseMode)

	withSamples := !f.NoSamples && len(f.WellKnown) == 0
	if withSamples {
		receivers, err := samples.StartReceivers()
		if err != nil {
			return err
		}
		defer receivers.Stop()
		options.Subscriptions = append(options.Subscriptions, receivers.Subscriptions(stack.HookAudience)...)
	}
	started := time.Now()
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer s.Stop()
	show := screen{out: os.Stdout, stack: s, dataDir: f.DataDir}
	show.services(time.Since(started))
	if withSamples {
		if err := show.samples(ctx); err != nil {
			return err
		}
	}
	show.ready(withSamples)
	<-ctx.Done()
	stop() // a second Ctrl-C ends it at once
	fmt.Println("\nStopping. What is in flight goes on at the next start.")
	return nil
}

func (f flags) options() (stack.Options, error) {
	o := stack.Options{
		DataDir: f.DataDir, API: f.API, Temporal: f.Temporal, TemporalUI: f.UI, LDAP: f.LDAP, Issuer: f.Issuer,
		WebhookRetries: f.WebhookRetries, DirectoryRetries: f.DirectoryRetries,
		Deadline: f.Deadline, BatchDeadline: f.BatchDeadline, AllowDelete: f.AllowDelete, RequireBound: f.RequireBound, Salt: f.Salt,
		PlainHistories: !f.EncryptHistories,
		Limits:         api.Limits{Rate: f.RateLimit, Burst: int(2 * f.RateLimit), Changes: 256},
		PersonURL:      f.PersonURL, TokenIssuer: f.TokenIssuer, TokenJWKS: f.TokenJWKS, Version: service.Version(),
	}
	if (f.TokenIssuer == "") != (f.TokenJWKS == "") {
		return o, errors.New("--token-issuer and --token-jwks go together")
	}
	for _, file := range f.WellKnown {
		text, err := os.ReadFile(file)
		if err != nil {
			return o, err
		}
		o.WellKnown = append(o.WellKnown, text)
	}
	for _, pair := range f.Webhook {
		name, url, _ := strings.Cut(pair, "=")
		subscription := webhook.Subscription{Name: name, URL: url, Audience: stack.HookAudience}
		if err := subscription.Validate(); err != nil {
			return o, fmt.Errorf("--webhook %s: %w", pair, err)
		}
		o.Subscriptions = append(o.Subscriptions, subscription)
	}
	return o, nil
}
