package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

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
	// Heartbeat is how often a running activity tells that it is alive.
	Heartbeat time.Duration
}

// ErrorParked is the type of the application error that ends an activity for
// good: the workflow parks the target.
const ErrorParked = "Parked"

// Schedule is how long to wait after the first, second, … failed attempt.
type Schedule []time.Duration

// failed turns an attempt's error into what Temporal is to do about it: try
// again after the schedule's next delay, or park.
func (s Schedule) failed(err error, attempt int32) error {
	next := int(attempt) - 1
	switch {
	case change.KindOf(err) == change.Park:
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrorParked, nil, int(attempt))
	case next >= len(s):
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("gave up after %d attempts: %v", attempt, err), ErrorParked, nil, int(attempt))
	}
	delay := s[next]
	if asked, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok && asked.RetryAfter() > delay {
		delay = asked.RetryAfter()
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(change.KindOf(err)),
		temporal.ApplicationErrorOptions{NextRetryDelay: max(delay, time.Millisecond)})
}

// PublishToDirectory makes the LDAP entries of the publication's people equal
// to their profiles.
func (a *Publishing) PublishToDirectory(ctx context.Context, p change.Publication) (change.PublishedTo, error) {
	return a.publish(ctx, p, a.DirectoryRetries, func(ctx context.Context, item change.Item, record vault.Record) error {
		person, err := profile.Parse(record.Profile)
		if err != nil {
			return change.As(change.Park, fmt.Errorf("the stored profile cannot be read: %w", err))
		}
		_, err = a.Directory.Publish(ctx, person, record.Revision)
		return err
	})
}

// DeliverToWebhook tells a subscription of the publication's changes.
func (a *Publishing) DeliverToWebhook(ctx context.Context, p change.Publication) (change.PublishedTo, error) {
	name := strings.TrimPrefix(p.Target, WebhookPrefix)
	return a.publish(ctx, p, a.WebhookRetries, func(ctx context.Context, item change.Item, record vault.Record) error {
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

// DirectoryTarget and WebhookPrefix name the targets: "ldap", and
// "webhook/<subscription>" for each subscription.
const (
	DirectoryTarget = "ldap"
	WebhookPrefix   = "webhook/"
)

// publish runs one attempt: each item that an earlier attempt has not done.
func (a *Publishing) publish(
	ctx context.Context, p change.Publication, retries Schedule,
	one func(context.Context, change.Item, vault.Record) error,
) (change.PublishedTo, error) {
	attempt := activity.GetInfo(ctx).Attempt
	done := 0
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &done) // unreadable: start over, which is harmless
	}
	beat := a.keepAlive(ctx, done)
	defer beat.stop()
	for ; done < len(p.Items); done++ {
		beat.reached(done)
		if err := a.publishItem(ctx, p.Items[done], one); err != nil {
			activity.RecordHeartbeat(ctx, done)
			return change.PublishedTo{}, retries.failed(err, attempt)
		}
	}
	return change.PublishedTo{Attempts: int(attempt)}, nil
}

func (a *Publishing) publishItem(ctx context.Context, item change.Item, one func(context.Context, change.Item, vault.Record) error) error {
	records, err := a.Vault.Get(ctx, item.UserID)
	if err != nil {
		return fmt.Errorf("reading the vault: %w", err)
	}
	record, ok := records[item.UserID]
	if !ok {
		return change.As(change.Park, errors.New("the vault has no such profile"))
	}
	return one(ctx, item, record)
}
