package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cis/change"
	"cis/directory"
	"cis/profile"
	"cis/vault"
	"cis/webhook"
)

// Publishing carries stored changes to their targets. Each activity can be run
// again at any time: it makes the target equal to what the vault holds now.
type Publishing struct {
	Vault     vault.Store
	Directory *directory.Directory
	Webhooks  *webhook.Sender
	// Subscription finds a webhook subscription by name.
	Subscription func(name string) (webhook.Subscription, bool)
	// DirectoryRetries and WebhookRetries say how long to wait after each
	// failed attempt; after the last one the publication is parked.
	DirectoryRetries, WebhookRetries Schedule
	// Salt derives the pseudonyms that logs name people by.
	Salt string
	// Finish is how long an activity goes on with the person it is at when its
	// worker stops. What is left then is handed back, for another worker.
	Finish time.Duration
	// Heartbeat is how often a running activity tells that it is alive.
	Heartbeat time.Duration
}

// DirectoryTarget and WebhookPrefix name the targets: "ldap", and
// "webhook/<subscription>" for each subscription.
const (
	DirectoryTarget = "ldap"
	WebhookPrefix   = "webhook/"
)

// PublishToDirectory makes the LDAP entries of the publication's people equal
// to their profiles.
func (a *Publishing) PublishToDirectory(ctx context.Context, p change.Publication) (change.Report, error) {
	return a.publish(ctx, p, a.DirectoryRetries, a.toDirectory)
}

// toDirectory shows a person in the directory as the vault has them. It looks
// again afterwards: what was deleted or brought back meanwhile must not stay as
// it was found.
func (a *Publishing) toDirectory(ctx context.Context, item change.Item) error {
	for shown := ""; ; {
		records, err := a.Vault.Get(ctx, item.UserID)
		if err != nil {
			return fmt.Errorf("reading the vault: %w", err)
		}
		record, ok := records[item.UserID]
		switch {
		case !ok:
			return change.As(change.Park, errors.New("the vault has no such profile"))
		case record.SequenceNumber == shown:
			return nil
		}
		if err := a.show(ctx, record); err != nil {
			return err
		}
		shown = record.SequenceNumber
	}
}

func (a *Publishing) show(ctx context.Context, record vault.Record) error {
	if record.Deleted() {
		return a.Directory.Remove(ctx, record.ID)
	}
	person, err := profile.Parse(record.Profile)
	if err != nil {
		return change.As(change.Park, fmt.Errorf("the stored profile cannot be read: %w", err))
	}
	_, err = a.Directory.Publish(ctx, person, record.Revision)
	return err
}

// DeliverToWebhook tells a subscription of the publication's changes.
func (a *Publishing) DeliverToWebhook(ctx context.Context, p change.Publication) (change.Report, error) {
	name := strings.TrimPrefix(p.Target, WebhookPrefix)
	return a.publish(ctx, p, a.WebhookRetries, func(ctx context.Context, item change.Item) error {
		subscription, ok := a.Subscription(name)
		if !ok {
			return change.As(change.Park, fmt.Errorf("there is no subscription %q any more: add it again and retry, or skip", name))
		}
		_, err := a.Webhooks.Deliver(ctx, subscription, webhook.Event{
			Operation:      string(item.Condition),
			ID:             item.UserID,
			Time:           item.Time,
			SequenceNumber: string(item.Number),
			Revision:       item.Revision,
			Attributes:     item.Changed,
		})
		return err
	})
}
