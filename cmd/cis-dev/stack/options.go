package stack

import (
	"io"
	"log/slog"
	"time"

	"cis/api"
	"cis/webhook"
)

// Options say where a stack listens and what it works with. An address with
// port 0 takes a free port.
type Options struct {
	DataDir string
	// API, Temporal, TemporalUI, LDAP and Issuer are addresses on loopback.
	API, Temporal, TemporalUI, LDAP, Issuer string
	// WellKnown are well-known documents whose publishers' keys are trusted
	// instead of generated ones.
	WellKnown [][]byte
	// Subscriptions are told of every change; the audience of their tokens is
	// HookAudience.
	Subscriptions []webhook.Subscription
	// WebhookRetries are the waits between attempts at a delivery.
	WebhookRetries []time.Duration
	// DirectoryRetries are the waits between attempts at the directory.
	DirectoryRetries []time.Duration
	// Deadline and BatchDeadline are how long a publisher waits before the
	// answer is 202.
	Deadline, BatchDeadline time.Duration
	// Limits bound what clients can ask at once.
	Limits api.Limits
	// AllowDelete lets people be deleted.
	AllowDelete bool
	// RequireBound are the publishers whose signatures must be bound to person
	// and attribute.
	RequireBound []string
	// PlainHistories leaves what is written to Temporal in the clear. What was
	// encrypted before can still be read.
	PlainHistories bool
	// Salt is what people's uuids are derived with, instead of a generated one.
	Salt string
	// PersonURL is where clients reach the Person API, where that is not where
	// they reach the Change API.
	PersonURL string
	// TokenIssuer and TokenJWKS are an issuer whose tokens the APIs take instead
	// of the embedded one's, and the URL of its keys.
	TokenIssuer, TokenJWKS string
	Version                string
	Logger                 *slog.Logger
}

// What a development environment is called, and asks of tokens (section
// "Environments" of the wire contract).
const (
	Audience     = "api.dev.sso.allizom.org"
	HookAudience = "hook.dev.sso.allizom.org"
)

// Client is a client of the development issuer.
type Client struct{ ID, Secret string }

// DevClient has every scope.
var DevClient = Client{"dev", "dev-secret"}

// hookClient is who webhook deliveries get their tokens as.
var hookClient = Client{"cis", "cis-secret"}

// PublisherSecret is the secret of a publisher's client, whose id is the
// publisher's name. The issuer listens on loopback and signs for development
// data only, so these need not be secret.
func PublisherSecret(publisher string) string { return publisher + "-secret" }

// closers are closed in the reverse of the order they were opened in.
type closers []func()

func (c *closers) add(close func()) { *c = append(*c, close) }

func (c *closers) addCloser(closer io.Closer) { c.add(func() { _ = closer.Close() }) }

func (c *closers) close() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
	*c = nil
}
