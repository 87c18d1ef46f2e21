package stack

import (
	"cmp"
	"context"
	"time"

	"cis/config"
)

// configure says to CIS itself what production's configuration does.
func (s *Stack) configure(context.Context) error {
	o := s.options
	c := &config.Config{Environment: config.Local, Salt: config.NewSecret(s.secrets.Salt)}
	c.API = config.API{
		URL: s.APIURL(), PersonURL: o.PersonURL, Deadline: o.Deadline, BatchDeadline: o.BatchDeadline, AllowDelete: o.AllowDelete,
		RateLimit: o.Limits.Rate, RateBurst: o.Limits.Burst, Waiting: o.Limits.Changes,
		KeptAnswers: 64,
	}
	c.Tokens = config.Tokens{Issuer: cmp.Or(o.TokenIssuer, s.issuerURL()+"/"), JWKS: o.TokenJWKS, Audience: Audience}
	c.Publishers.RequireBound = o.RequireBound
	c.Temporal = config.Temporal{Namespace: namespace} // its address is known when it is up
	c.Encryption = config.Encryption{KeyFile: s.file("payload-keys.json"), DecodeOnly: o.PlainHistories}
	c.Directory = config.Directory{
		BindDN: bindDN, Password: config.NewSecret(s.secrets.LDAPPassword), BaseDN: baseDN,
		Timeout: 10 * time.Second, Concurrency: 8, Retries: o.DirectoryRetries,
	}
	c.Webhooks = config.Webhooks{
		Audience: HookAudience, TokenURL: s.issuerURL() + "/oauth/token",
		ClientID: hookClient.ID, ClientSecret: config.NewSecret(hookClient.Secret), Concurrency: 32, Retries: o.WebhookRetries,
	}
	for _, subscription := range o.Subscriptions {
		if err := subscription.Validate(); err != nil {
			return err
		}
		c.Webhooks.Subscriptions = append(c.Webhooks.Subscriptions, config.Subscription(subscription))
	}
	s.parts.Config, s.parts.Version, s.parts.Logger = c, o.Version, o.Logger
	return nil
}
