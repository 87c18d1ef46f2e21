package stack

import (
	"net/http"
	"time"

	"cis/activities"
	"cis/change"
	"cis/profile"
	"cis/schema"
	"cis/signing"
	"cis/webhook"
	"cis/worker"
)

// dependencies are what the activities work with.
func (s *Stack) dependencies() (worker.Dependencies, error) {
	rules, err := profile.ParseRules(schema.PublisherRules())
	if err != nil {
		return worker.Dependencies{}, err
	}
	for _, subscription := range s.options.Subscriptions {
		if err := subscription.Validate(); err != nil {
			return worker.Dependencies{}, err
		}
	}
	return worker.Dependencies{
		Integration: &activities.Integration{
			Vault: s.vault, Rules: rules, Verifier: signing.NewVerifier(s.keySets, s.options.RequireBound...), Signer: s.signers[profile.CIS],
			Salt: s.secrets.Salt, Targets: s.targets, Now: time.Now,
		},
		Publishing: &activities.Publishing{
			Vault: s.vault, Directory: s.directory, Webhooks: s.sender(), Subscription: s.subscription,
			DirectoryRetries: s.options.DirectoryRetries, WebhookRetries: s.options.WebhookRetries,
			Heartbeat: 3 * time.Second,
		},
		DirectoryConcurrency: 8,
		WebhookConcurrency:   32,
	}, nil
}

// targets are the directory and the subscriptions that want such changes.
func (s *Stack) targets(condition change.Condition) []string {
	names := []string{activities.DirectoryTarget}
	for _, subscription := range s.options.Subscriptions {
		if subscription.Wants(string(condition)) {
			names = append(names, activities.WebhookPrefix+subscription.Name)
		}
	}
	return names
}

func (s *Stack) subscription(name string) (webhook.Subscription, bool) {
	for _, subscription := range s.options.Subscriptions {
		if subscription.Name == name {
			return subscription, true
		}
	}
	return webhook.Subscription{}, false
}

func (s *Stack) sender() *webhook.Sender {
	return webhook.NewSender(webhook.Options{
		Tokens: &webhook.ClientCredentials{
			TokenURL: s.issuer.TokenURL(), ClientID: hookClient.ID, ClientSecret: hookClient.Secret,
			Client: &http.Client{Timeout: 10 * time.Second}, Now: time.Now,
		},
		Now: time.Now,
	})
}
