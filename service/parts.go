package service

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"cis/activities"
	"cis/api"
	"cis/change"
	"cis/config"
	"cis/directory"
	"cis/health"
	"cis/profile"
	"cis/schema"
	"cis/signing"
	"cis/vault"
	"cis/webhook"
	"cis/worker"
	"cis/workflows"
)

// Parts are what a CIS is made of. Those of the workers are not needed for the
// API, and the other way round.
type Parts struct {
	Config   *config.Config
	Vault    vault.Store
	Temporal client.Client
	// Codec is what goes to Temporal goes through; see Codec.
	Codec converter.PayloadCodec
	// KeySets are the publishers' public keys.
	KeySets KeySets
	// Version is what /v2/version tells.
	Version string
	Logger  *slog.Logger
	Watch   Watch

	// Tokens are the API's.
	Tokens *api.Tokens
	// Health is what the API tells of itself.
	Health *health.Checks

	// Signer and Directory are the workers'.
	Signer    *signing.Signer
	Directory *directory.Directory
	// OnFatalError is told when a worker cannot go on.
	OnFatalError func(error)

	document wellKnown
}

// KeySets are key sets that can also be listed.
type KeySets interface {
	signing.KeySets
	// JWKS returns each publisher's keys as JSON Web Keys.
	JWKS() (map[string][]json.RawMessage, error)
}

// Tokens checks bearer tokens as the configuration says.
func Tokens(c *config.Config) *api.Tokens {
	return &api.Tokens{
		Issuer: c.Tokens.Issuer, Audience: c.Tokens.Audience,
		JWKS:   cmp.Or(c.Tokens.JWKS, c.Tokens.Issuer+".well-known/jwks.json"),
		Client: http.DefaultClient, Now: time.Now,
	}
}

// API is the handler of all the API's routes.
func (p *Parts) API() http.Handler {
	c := p.Config.API
	return api.New(api.Options{
		Changes: p.submitter(), Vault: p.Vault, Tokens: p.Tokens, Health: p.Health,
		WellKnown: p.wellKnown, ProfileSchema: schema.ProfileSchema(), PublisherRules: schema.PublisherRules(),
		Version: p.Version, Deadline: c.Deadline, BatchDeadline: c.BatchDeadline, AllowDelete: c.AllowDelete,
		PersonHost: personHost(c), KeptAnswers: c.KeptAnswers << 20,
		Codec:  p.uiCodec(),
		Limits: api.Limits{Rate: c.RateLimit, Burst: cmp.Or(c.RateBurst, int(2*c.RateLimit)), Changes: c.Waiting},
		Logger: p.log("api"), Metrics: p.Watch.Metrics, Tracer: p.Watch.Traces.Tracer(),
	})
}

// uiCodec is what Temporal's web UI decodes with, where there is a key.
func (p *Parts) uiCodec() api.Codec {
	if !p.Config.Encryption.Keyed() {
		return api.Codec{}
	}
	return api.Codec{Payloads: p.Codec, Origin: p.Config.Encryption.UIOrigin}
}

// APIChecks are the parts that the API needs.
func (p *Parts) APIChecks() []health.Check {
	return append(p.commonChecks(), health.Check{Name: "tokens", Ask: p.Tokens.Ready})
}

// commonChecks are the parts that the API and the workers both need.
func (p *Parts) commonChecks() []health.Check {
	checks := []health.Check{
		{Name: "vault", Ask: p.Vault.Ping},
		{Name: "temporal", Ask: p.submitter().Ping},
	}
	if p.Config.Encryption.KMS.Key != "" { // keys of a file do not go away
		checks = append(checks, health.Check{Name: "encryption", Ask: p.encrypting})
	}
	return checks
}

func (p *Parts) submitter() *workflows.Submitter {
	return &workflows.Submitter{Client: p.Temporal, Data: workflows.NewConverters(p.Codec).Data, Salt: p.Config.Salt.Reveal()}
}

// personHost is the host name of the Person API, "" if the Change API has it
// too.
func personHost(c config.API) string {
	person := host(c.PersonURL)
	if person == host(c.URL) {
		return ""
	}
	return person
}

// host is the host name of a URL, "" of none.
func host(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return at.Host
}

// heartbeat is how often a publication tells that it is alive: Temporal gives
// it up after 10 s of silence.
const heartbeat = 3 * time.Second

// Workers are the workers of every task queue. They wait as long as stopTimeout
// for what is running when they are stopped.
func (p *Parts) Workers(stopTimeout time.Duration) (*worker.Workers, error) {
	rules, err := profile.ParseRules(schema.PublisherRules())
	if err != nil {
		return nil, err
	}
	c := p.Config
	subscriptions := subscriptions(c.Subscriptions())
	return worker.New(p.Temporal, worker.Dependencies{
		Integration: &activities.Integration{
			Vault: p.Vault, Rules: rules, Verifier: signing.NewVerifier(p.KeySets, c.Publishers.RequireBound...),
			Signer: p.Signer, Salt: c.Salt.Reveal(), Targets: subscriptions.targets, Now: time.Now,
		},
		Publishing: &activities.Publishing{
			Vault: p.Vault, Directory: p.Directory, Webhooks: sender(c), Subscription: subscriptions.named,
			Salt:             c.Salt.Reveal(),
			DirectoryRetries: c.Directory.Retries, WebhookRetries: c.Webhooks.Retries,
			Heartbeat: heartbeat, Finish: stopTimeout * 3 / 4, // the rest is for handing back
		},
		Build:                worker.Build{Deployment: c.Temporal.Deployment, ID: c.Temporal.BuildID},
		DirectoryConcurrency: c.Directory.Concurrency, WebhookConcurrency: c.Webhooks.Concurrency,
		StopTimeout: stopTimeout, OnFatalError: p.OnFatalError,
	}), nil
}

func sender(c *config.Config) *webhook.Sender {
	return webhook.NewSender(webhook.Options{
		Tokens: &webhook.ClientCredentials{
			TokenURL: cmp.Or(c.Webhooks.TokenURL, c.Tokens.Issuer+"oauth/token"),
			ClientID: c.Webhooks.ClientID, ClientSecret: c.Webhooks.ClientSecret.Reveal(),
		},
		Timeout: c.Webhooks.Timeout,
	})
}

// subscriptions are the services that are told of changes.
type subscriptions []webhook.Subscription

// targets are the directory and the subscriptions that want such changes.
func (s subscriptions) targets(condition change.Condition) []string {
	names := []string{activities.DirectoryTarget}
	for _, one := range s {
		if one.Wants(string(condition)) {
			names = append(names, activities.WebhookPrefix+one.Name)
		}
	}
	return names
}

func (s subscriptions) named(name string) (webhook.Subscription, bool) {
	for _, one := range s {
		if one.Name == name {
			return one, true
		}
	}
	return webhook.Subscription{}, false
}

func (p *Parts) log(component string) *slog.Logger { return p.Logger.With("component", component) }
