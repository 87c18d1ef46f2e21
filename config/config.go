package config

import (
	"cmp"
	"log/slog"
	"time"
)

// Config is what can be set. A field's name in the file is its "name" tag;
// "default" is written as in the file, and what depends on the environment is
// in presets. docs/configuration.md is made from the tags.
type Config struct {
	Environment Environment   `name:"environment" help:"What this deployment is: local, development, testing or production. It decides some defaults, and testing and production refuse what is unsafe." default:"local"`
	LogLevel    slog.Level    `name:"log-level" help:"Least important log entries that are written: debug, info, warn or error." default:"info"`
	GracePeriod time.Duration `name:"grace-period" help:"How long a process may take to stop." default:"30s"`
	DrainDelay  time.Duration `name:"drain-delay" help:"How long a process that is to stop goes on as before, but for /readyz, so that load balancers turn away from it. Part of the grace period." default:"0s"`
	Salt        Secret        `name:"salt" help:"What people's uuids are derived with. It must never change: an existing deployment brings its own."`

	Admin      Admin      `name:"admin"`
	API        API        `name:"api"`
	Tokens     Tokens     `name:"tokens"`
	Publishers Publishers `name:"publishers"`
	Signing    Signing    `name:"signing"`
	Vault      Vault      `name:"vault"`
	Temporal   Temporal   `name:"temporal"`
	Encryption Encryption `name:"encryption"`
	Directory  Directory  `name:"directory"`
	Webhooks   Webhooks   `name:"webhooks"`
}

// Admin is where a process tells how it is.
type Admin struct {
	Listen string `name:"listen" help:"Address of /healthz, /readyz and /metrics." default:":9090"`
}

// API is how the APIs are served.
type API struct {
	Listen        string        `name:"listen" help:"Address of the APIs." default:":8080"`
	TLS           KeyPair       `name:"tls"`
	URL           string        `name:"url" help:"Where clients reach the APIs, as the well-known document tells it."`
	PersonURL     string        `name:"person-url" help:"Where clients reach the Person API, if not where they reach the Change API."`
	AccessFileURL string        `name:"access-file-url" help:"Where the access file is, as the well-known document tells it; /access-file below api.url if not set."`
	Deadline      time.Duration `name:"deadline" help:"How long a publisher waits before the answer is 202." default:"10s"`
	BatchDeadline time.Duration `name:"batch-deadline" help:"How long the publisher of many profiles waits for their verification, and again for their integration, before the answer is 202." default:"1m"`
	AllowDelete   bool          `name:"allow-delete" help:"Let publishers delete people." default:"false"`
	RateLimit     float64       `name:"rate-limit" help:"Requests a second that each client may send on average; 0 for no limit." default:"100"`
	RateBurst     int           `name:"rate-burst" help:"Requests that each client may send at once; 0 for twice the rate limit." default:"0"`
	KeptAnswers   int           `name:"kept-answers" help:"Megabytes of answers to look-ups that are kept for whoever asks again; 0 for none." default:"64"`
	Waiting       int           `name:"waiting" help:"Requests that may wait for Temporal at once; more wait for their turn. 0 for no limit." default:"256"`
}

// KeyPair is a certificate with its key. Both files are read again when they
// change.
type KeyPair struct {
	CertFile string `name:"cert-file" help:"PEM file of the certificate, with the intermediate ones after it. It is read again when it changes."`
	KeyFile  string `name:"key-file" help:"PEM file of the certificate's private key."`
}

// Given tells whether there is a key pair.
func (k KeyPair) Given() bool { return k.CertFile != "" || k.KeyFile != "" }

// Tokens are the bearer tokens that the APIs take.
type Tokens struct {
	Issuer   string `name:"issuer" help:"Who issues the bearer tokens, as their iss says: a URL with a slash at its end."`
	JWKS     string `name:"jwks" help:"URL of the issuer's key set; .well-known/jwks.json below the issuer if not set."`
	Audience string `name:"audience" help:"What the tokens must be issued for."`
}

// Publishers are whom CIS believes.
type Publishers struct {
	WellKnown    []string      `name:"well-known" help:"Well-known documents, files or URLs, whose publishers' keys are trusted. The keys add up."`
	Refresh      time.Duration `name:"refresh" help:"How often these documents are read again." default:"5m"`
	KeepFor      time.Duration `name:"keep-for" help:"How long the keys of a document count that can no longer be had." default:"24h"`
	RequireBound []string      `name:"require-bound" help:"Publishers whose signatures must say whose attribute they are of, and which."`
}

// Signing is CIS's own signature.
type Signing struct {
	Key Secret `name:"key" help:"CIS's own private key, a JSON Web Key. Its public key is trusted, too."`
}

// Vault is where the profiles are.
type Vault struct {
	Driver      string `name:"driver" help:"What keeps the vault: sqlite, one file for processes on one machine, or dynamodb." default:"sqlite"`
	File        string `name:"file" help:"The vault's file (sqlite)."`
	Endpoint    string `name:"dynamodb-endpoint" help:"URL of DynamoDB, if not Amazon's own (dynamodb)."`
	TablePrefix string `name:"table-prefix" help:"What the names of the tables begin with; the environment if not set (dynamodb)."`
}

// The drivers of the vault.
const (
	VaultSQLite   = "sqlite"
	VaultDynamoDB = "dynamodb"
)

// TablePrefix is what the names of the vault's tables begin with.
func (c *Config) TablePrefix() string { return cmp.Or(c.Vault.TablePrefix, string(c.Environment)) }

// Temporal is the cluster that carries changes out.
type Temporal struct {
	Address    string      `name:"address" help:"host:port of Temporal's frontend."`
	Namespace  string      `name:"namespace" help:"Temporal namespace." default:"default"`
	Deployment string      `name:"deployment" help:"Name that all builds of this deployment have in common in Temporal, where temporal.build-id is set." default:"cis"`
	BuildID    string      `name:"build-id" help:"Which build of CIS this is. Workers then have only the changes that Temporal gives to this build (docs/changing-workflows.md)."`
	APIKey     Secret      `name:"api-key" help:"API key of Temporal Cloud. It implies TLS."`
	TLS        TemporalTLS `name:"tls"`
}

// TemporalTLS is how the connection to Temporal is secured.
type TemporalTLS struct {
	Enabled    bool   `name:"enabled" help:"Connect with TLS. Any of the files implies it." default:"false"`
	CAFile     string `name:"ca-file" help:"PEM file of the authorities that may have issued Temporal's certificate, instead of the system's."`
	ServerName string `name:"server-name" help:"Name that Temporal's certificate must be for, if not that of the address."`
	KeyPair    `name:""`
}

// Secure tells whether the connection is made with TLS.
func (t Temporal) Secure() bool {
	return t.TLS.Enabled || t.TLS.Given() || t.TLS.CAFile != "" || t.APIKey.Given()
}

// Directory is the LDAP directory that people are published to.
type Directory struct {
	URL         string          `name:"url" help:"ldap://host:389 or ldaps://host:636."`
	StartTLS    bool            `name:"start-tls" help:"Change to TLS on the connection to ldap://, before the password is sent." default:"false"`
	CAFile      string          `name:"ca-file" help:"PEM file of the authorities that may have issued the directory's certificate, instead of the system's."`
	BindDN      string          `name:"bind-dn" help:"Distinguished name that CIS binds as."`
	Password    Secret          `name:"password" help:"Its password."`
	BaseDN      string          `name:"base-dn" help:"Distinguished name above ou=people."`
	Timeout     time.Duration   `name:"timeout" help:"How long one operation may take." default:"10s"`
	Concurrency int             `name:"concurrency" help:"People that a process publishes at once, each on a connection of its own." default:"8"`
	Retries     []time.Duration `name:"retries" help:"Waits between attempts at a publication; after the last it is parked." default:"1s,5s,15s,1m,5m,15m,1h,3h,6h,12h,24h"`
}

// Webhooks are the deliveries to subscribed services.
type Webhooks struct {
	Subscriptions []Subscription  `name:"subscriptions" help:"Services to be told of changes, each NAME=URL, or in the file a mapping with name, url, audience (webhooks.audience if not set) and operations (a list of create, update, delete; all if not set)."`
	Audience      string          `name:"audience" help:"What the tokens of deliveries are issued for."`
	TokenURL      string          `name:"token-url" help:"Where these tokens are had; oauth/token below the token issuer if not set."`
	ClientID      string          `name:"client-id" help:"CIS's own client at the token issuer."`
	ClientSecret  Secret          `name:"client-secret" help:"Its secret."`
	Timeout       time.Duration   `name:"timeout" help:"How long a receiver may take to answer." default:"30s"`
	Concurrency   int             `name:"concurrency" help:"Deliveries that a process makes at once." default:"32"`
	Retries       []time.Duration `name:"retries" help:"Waits between attempts at a delivery; after the last it is parked." default:"5s,30s,2m,10m,30m,1h,3h,6h,12h,24h,24h"`
}
