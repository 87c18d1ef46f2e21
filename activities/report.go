package activities

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"cis/change"
	"cis/logs"
	"cis/metrics"
	"cis/profile"
	"cis/tracing"
)

// Outcomes of attempts, as metrics and traces have them.
const (
	done       = "done"
	retrying   = "retry"
	parked     = "parked"
	handedBack = "handed_back"
	canceled   = "canceled"
)

// outcomeOf is how an attempt ended that ended with err.
func outcomeOf(err error) string {
	if err == nil {
		return done
	}
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case !ok:
		return canceled
	case failed.Type() == ErrorParked:
		return parked
	case failed.Type() == ErrorHandedBack:
		return handedBack
	}
	return retrying
}

// reportFailure logs that the target did not take an item. The log has what err
// says for logs; all that it says is kept in Temporal.
func (a *Publishing) reportFailure(ctx context.Context, p change.Publication, item change.Item, t *attempt, err error) {
	activity.GetLogger(ctx).Warn("not published", logs.Change, string(item.Number), logs.Person, a.person(item), logs.Request, p.Request,
		"target", p.Target, "attempt", t.number, "kind", string(change.KindOf(err)), "reason", logs.Text(err))
}

// reportEnd counts an attempt, and describes its span.
func (a *Publishing) reportEnd(ctx context.Context, p change.Publication, t *attempt, err error, took time.Duration) {
	outcome := outcomeOf(err)
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{"target": p.Target, "outcome": outcome}).Timer(metrics.Attempt).Record(took)
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	numbers, persons := make([]string, len(t.items)), make([]string, len(t.items))
	for i, item := range t.items {
		numbers[i], persons[i] = string(item.Number), a.person(item)
	}
	span.SetAttributes(tracing.Target.String(p.Target), tracing.Outcome.String(outcome), tracing.Attempt.Int(int(t.number)),
		tracing.Request.String(p.Request), attribute.StringSlice(string(tracing.Change), numbers),
		attribute.StringSlice(string(tracing.Person), persons))
}

// person is the pseudonym of whom an item is about.
func (a *Publishing) person(item change.Item) string {
	return profile.PersonUUID(a.Salt, item.UserID).String()
}
