package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"cis/change"
	"cis/tracing"
)

// ErrorParked is the type of the application error that ends an activity for
// good, with a change.Report as its details: the workflow parks the target.
const ErrorParked = "Parked"

// Schedule is how long to wait after the first, second, … failed attempt.
type Schedule []time.Duration

// wait is how long to wait after an attempt that failed with err.
func (s Schedule) wait(err error, attempt int32) time.Duration {
	delay := s[attempt-1]
	if asked, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok && asked.RetryAfter() > delay {
		delay = asked.RetryAfter()
	}
	return max(delay, time.Millisecond)
}

// attempt is one run over the items of a publication that no earlier run has
// done with. A failing item keeps none of the others back. Its exported fields
// are kept in the heartbeats, for the next attempt.
type attempt struct {
	// Left are the indexes of the items to do; those that failed go to the
	// end.
	Left []int `json:"left"`
	// GivenUp are the items that no attempt will try again.
	GivenUp []change.Failed `json:"given_up,omitempty"`

	items  []change.Item
	number int32
	last   bool  // the schedule has no further attempt
	failed error // why an item is to be tried again; the one that asks to wait longest
	wait   time.Duration
}

// down is how many items in a row may fail until the attempt stops: it is the
// target that is ill, not a person's profile.
const down = 3

// publish runs one attempt, and reports of it.
func (a *Publishing) publish(
	ctx context.Context, p change.Publication, retries Schedule, one func(context.Context, change.Item) error,
) (change.Report, error) {
	ctx = tracing.Within(ctx, p.Trace)
	t := newAttempt(ctx, p.Items, retries)
	start := time.Now()
	report, err := a.try(ctx, p, t, retries, one)
	a.reportEnd(ctx, p, t, err, time.Since(start))
	return report, err
}

// try goes over the items.
func (a *Publishing) try(
	ctx context.Context, p change.Publication, t *attempt, retries Schedule, one func(context.Context, change.Item) error,
) (change.Report, error) {
	beat := a.keepAlive(ctx, t)
	defer beat.stop()
	working, done := a.whileWorking(ctx)
	defer done()
	inARow := 0
	for range len(t.Left) {
		if stopping(ctx) {
			return handBack(ctx, t)
		}
		index := t.Left[0]
		err := one(working, t.items[index])
		switch {
		case ctx.Err() != nil: // the time is up: it says nothing of the item
			activity.RecordHeartbeat(ctx, t)
			return change.Report{}, ctx.Err()
		case err != nil && working.Err() != nil:
			return handBack(ctx, t)
		}
		if inARow++; err == nil {
			inARow = 0
		}
		if err != nil {
			a.reportFailure(ctx, p, t.items[index], t, err)
		}
		t.done(index, err, retries)
		beat.reached(t)
		if inARow == down && !t.last {
			break
		}
	}
	activity.RecordHeartbeat(ctx, t)
	return t.result()
}

func newAttempt(ctx context.Context, items []change.Item, retries Schedule) *attempt {
	t := &attempt{items: items, number: activity.GetInfo(ctx).Attempt}
	t.last = int(t.number) > len(retries)
	if !activity.HasHeartbeatDetails(ctx) || activity.GetHeartbeatDetails(ctx, t) != nil {
		t.Left, t.GivenUp = nil, nil // from the start, which is harmless
		for i := range items {
			t.Left = append(t.Left, i)
		}
	}
	return t
}

// done settles the first item of Left: it is through, given up, or put at the
// end.
func (t *attempt) done(index int, err error, retries Schedule) {
	t.Left = slices.Clone(t.Left[1:])
	switch {
	case err == nil:
	case change.KindOf(err) == change.Park:
		t.giveUp(index, err.Error())
	case t.last:
		t.giveUp(index, fmt.Sprintf("gave up after %d attempts: %v", t.number, err))
	default:
		t.Left = append(t.Left, index)
		if wait := retries.wait(err, t.number); wait > t.wait {
			t.failed, t.wait = err, wait
		}
	}
}

func (t *attempt) giveUp(index int, reason string) {
	t.GivenUp = append(slices.Clone(t.GivenUp), change.Failed{Number: t.items[index].Number, Reason: reason})
}

// result turns the attempt's outcome into what Temporal is to do about it: try
// again after a while, park, or nothing more.
func (t *attempt) result() (change.Report, error) {
	report := change.Report{Attempts: int(t.number), GivenUp: t.GivenUp}
	switch {
	case t.failed != nil:
		return change.Report{}, temporal.NewApplicationErrorWithOptions(t.message(len(t.Left), t.failed.Error()),
			string(change.KindOf(t.failed)), temporal.ApplicationErrorOptions{NextRetryDelay: t.wait})
	case len(t.GivenUp) > 0:
		return change.Report{}, temporal.NewNonRetryableApplicationError(
			t.message(len(t.GivenUp), t.GivenUp[0].Reason), ErrorParked, nil, report)
	}
	return report, nil
}

func (t *attempt) message(n int, reason string) string {
	if len(t.items) == 1 {
		return reason
	}
	return fmt.Sprintf("%d of %d changes: %s", n, len(t.items), reason)
}
