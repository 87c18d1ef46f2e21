package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"cis/profile"
	"cis/schema"
	"cis/signing"
	"cis/tlsfiles"
	"cis/webhook"
)

func (c *checker) process() {
	c.positive(&c.GracePeriod)
	c.address(&c.Admin.Listen)
	if c.DrainDelay*4 > c.GracePeriod {
		c.fault(&c.DrainDelay, "%s is more than a quarter of the grace period of %s: too little would be left to finish in", c.DrainDelay, c.GracePeriod)
	}
}

func (c *checker) temporal() {
	t := &c.Temporal
	c.need(&t.Address, &t.Namespace)
	c.address(&t.Address)
	if strings.HasPrefix(t.Deployment, "__") || strings.ContainsAny(t.Deployment, ".:") {
		c.fault(&t.Deployment, "%q cannot be a deployment: Temporal allows no . and : in it, and no __ at its beginning", t.Deployment)
	}
	if strings.HasPrefix(t.BuildID, "__") {
		c.fault(&t.BuildID, "%q cannot be a build: Temporal allows no __ at its beginning", t.BuildID)
	}
	c.keyPair(&t.TLS.KeyPair)
	c.authorities(&t.TLS.CAFile)
	if host, _, err := net.SplitHostPort(t.Address); err == nil && !t.Secure() && !loopback(host) {
		c.unsafe(&t.Address, "the connection to Temporal is not encrypted: set %s", c.setting(&t.TLS.Enabled).Name())
	}
}

// shared is what the API and the workers both need.
func (c *checker) shared() {
	c.need(&c.Salt, &c.Tokens.Issuer)
	c.webURL(&c.Tokens.Issuer)
	if c.Tokens.Issuer != "" && !strings.HasSuffix(c.Tokens.Issuer, "/") {
		c.fault(&c.Tokens.Issuer, "%q has no slash at its end: tokens are compared with it as it is", c.Tokens.Issuer)
	}
	c.vault()
	c.publishers()
}

func (c *checker) vault() {
	v := &c.Vault
	switch v.Driver {
	case VaultSQLite:
		c.need(&v.File)
	case VaultDynamoDB:
		c.webURL(&v.Endpoint)
		if v.TablePrefix != "" && !tablePrefix.MatchString(v.TablePrefix) {
			c.fault(&v.TablePrefix, "%.40q cannot begin a table's name: letters, digits and _-. can, 200 of them at most", v.TablePrefix)
		}
	default:
		c.fault(&v.Driver, "%q is no driver: it must be %s or %s", v.Driver, VaultSQLite, VaultDynamoDB)
	}
}

// tablePrefix is DynamoDB's rule for the names of tables, which go on behind
// the prefix.
var tablePrefix = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,200}$`)

func (c *checker) publishers() {
	p := &c.Publishers
	c.need(&p.WellKnown)
	c.positive(&p.Refresh, &p.KeepFor)
	if p.KeepFor < p.Refresh {
		c.fault(&p.KeepFor, "%s is shorter than publishers.refresh, %s", p.KeepFor, p.Refresh)
	}
	for _, from := range p.WellKnown {
		if IsURL(from) {
			if plain(from) {
				c.unsafe(&p.WellKnown, "%q is not encrypted, and the publishers' keys come from it: use https://", from)
			}
			continue
		}
		text, err := os.ReadFile(from)
		if err == nil {
			_, err = schema.ParseWellKnown(text)
		}
		if err != nil {
			c.fault(&p.WellKnown, "%s: %v", from, err)
		}
	}
	for _, name := range p.RequireBound {
		if !slices.Contains(profile.Publishers, name) {
			c.fault(&p.RequireBound, "%q is no publisher: there are %s", name, strings.Join(profile.Publishers, ", "))
		}
	}
}

// IsURL tells whether a well-known document is to be fetched, not a file.
func IsURL(from string) bool {
	return strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://")
}

func (c *checker) api() {
	a := &c.API
	c.need(&a.Listen, &a.URL, &c.Tokens.Audience)
	c.address(&a.Listen)
	c.keyPair(&a.TLS)
	for _, at := range []*string{&a.URL, &a.PersonURL, &a.AccessFileURL, &c.Tokens.JWKS} {
		c.webURL(at)
	}
	c.positive(&a.Deadline, &a.BatchDeadline)
	if a.RateLimit == 0 {
		c.unsafe(&a.RateLimit, "clients without a limit can keep everybody else from being served")
	}
}

func (c *checker) signing() {
	if c.need(&c.Signing.Key) {
		if _, err := signing.ParseSigner(profile.CIS, []byte(c.Signing.Key.Reveal())); err != nil {
			c.fault(&c.Signing.Key, "%v: it must be a private key as a JSON Web Key", err)
		}
	}
}

func (c *checker) directory() {
	d := &c.Directory
	c.need(&d.URL, &d.BindDN, &d.Password, &d.BaseDN)
	c.positive(&d.Timeout)
	c.authorities(&d.CAFile)
	if d.Concurrency == 0 {
		c.fault(&d.Concurrency, "it must be at least 1")
	}
	for _, dn := range []*string{&d.BindDN, &d.BaseDN} {
		if _, err := ldap.ParseDN(*dn); err != nil {
			c.fault(dn, "%q is no distinguished name", *dn)
		}
	}
	if d.URL == "" {
		return
	}
	switch {
	case badURL(d.URL, "ldap", "ldaps") != "":
		c.fault(&d.URL, "%s", badURL(d.URL, "ldap", "ldaps"))
	case d.StartTLS && strings.HasPrefix(d.URL, "ldaps:"):
		c.fault(&d.StartTLS, "ldaps:// is TLS from the start: use ldap:// or leave this out")
	case plain(d.URL) && !d.StartTLS:
		c.unsafe(&d.URL, "the password and people's data would not be encrypted: use ldaps:// or set directory.start-tls")
	}
}

func (c *checker) webhooks() {
	w := &c.Webhooks
	c.webURL(&w.TokenURL)
	c.positive(&w.Timeout)
	if w.Concurrency == 0 {
		c.fault(&w.Concurrency, "it must be at least 1")
	}
	if len(w.Subscriptions) == 0 {
		return
	}
	c.need(&w.Audience, &w.ClientID, &w.ClientSecret)
	for i, s := range c.Subscriptions() {
		before := w.Subscriptions[:i]
		switch {
		case s.Validate() != nil:
			c.fault(&w.Subscriptions, "%v", s.Validate())
		case slices.ContainsFunc(before, func(other Subscription) bool { return other.Name == s.Name }):
			c.fault(&w.Subscriptions, "subscription %s is there twice", s.Name)
		case plain(s.URL):
			c.unsafe(&w.Subscriptions, "subscription %s: deliveries carry a bearer token and are not encrypted: use https://", s.Name)
		}
	}
}

// Subscriptions are the webhook subscriptions, each with its audience.
func (c *Config) Subscriptions() []webhook.Subscription {
	all := make([]webhook.Subscription, len(c.Webhooks.Subscriptions))
	for i, s := range c.Webhooks.Subscriptions {
		all[i] = webhook.Subscription(s)
		if s.Audience == "" {
			all[i].Audience = c.Webhooks.Audience
		}
	}
	return all
}

func (c *checker) keyPair(k *KeyPair) {
	switch {
	case !k.Given():
	case k.CertFile == "":
		c.need(&k.CertFile)
	case k.KeyFile == "":
		c.need(&k.KeyFile)
	default:
		if _, err := tls.LoadX509KeyPair(k.CertFile, k.KeyFile); err != nil {
			c.fault(&k.CertFile, "the certificate and its key cannot be used: %v", err)
		}
	}
}

func (c *checker) authorities(file *string) {
	if *file == "" {
		return
	}
	if _, err := tlsfiles.Authorities(*file); err != nil {
		c.fault(file, "%v", fmt.Errorf("the authorities' certificates cannot be used: %w", err))
	}
}
