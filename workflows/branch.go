package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"cis/activities"
	"cis/change"
)

// branch carries a change set to one target, until the target has it or an
// operator says that it need not.
type branch struct {
	set      *change.Set
	stored   time.Time     // when the set was
	items    []change.Item // that the target is still to have
	progress change.TargetProgress
	settle   func(workflow.Context) error // tells the change that the state is another
	decided  bool                         // an operator has decided on the parked branch
}

func newBranch(ctx workflow.Context, c *profileChange, target change.Target) *branch {
	b := &branch{
		set: &c.set, stored: workflow.Now(ctx), items: c.items(target), settle: c.settle,
		progress: change.TargetProgress{Target: target.Name, Changes: target.Changes},
	}
	b.enter(ctx, change.Pending, "")
	return b
}

func (b *branch) run(ctx workflow.Context) error {
	for {
		reason, err := b.attempt(ctx)
		if err != nil {
			return err
		}
		if reason == "" {
			b.enter(ctx, change.Published, "")
			b.published(ctx)
			return nil
		}
		if err := b.park(ctx, reason); err != nil {
			return err
		}
		if b.progress.State == change.Skipped {
			return nil
		}
	}
}

// attempt runs the target's activity, with all the retries that the target's
// schedule has, and returns why it gave up, "" when it did not. A canceled
// workflow is the only error.
func (b *branch) attempt(ctx workflow.Context) (reason string, err error) {
	queue, activity := b.activity()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          b.progress.Target, // so that the running attempts can be told apart
		TaskQueue:           queue,
		StartToCloseTimeout: 15 * time.Minute,
		HeartbeatTimeout:    10 * time.Second,
		Summary:             b.progress.Target,
		// The activity itself says when to try again and when to give up;
		// this holds only for attempts that end without its saying so, because
		// their worker died.
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	var report change.Report
	err = workflow.ExecuteActivity(ctx, activity, change.Publication{
		Target: b.progress.Target, Request: b.set.Request, Trace: b.set.Trace, Items: b.items,
	}).Get(ctx, &report)
	if temporal.IsCanceledError(err) {
		return "", err
	}
	if err != nil {
		return b.failure(err), nil
	}
	b.progress.Attempts += report.Attempts
	return "", nil
}

// activity is the target's activity and the task queue of those who run it.
func (b *branch) activity() (queue string, activity any) {
	var publishing *activities.Publishing
	if strings.HasPrefix(b.progress.Target, activities.WebhookPrefix) {
		return WebhookQueue, publishing.DeliverToWebhook
	}
	return DirectoryQueue, publishing.PublishToDirectory
}

// failure takes note of what the target did not take, and returns why.
func (b *branch) failure(err error) (reason string) {
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok {
		return err.Error()
	}
	var report change.Report
	if failed.HasDetails() && failed.Details(&report) == nil && len(report.GivenUp) > 0 {
		b.progress.Attempts += report.Attempts
		b.keep(report.GivenUp)
	}
	return failed.Message()
}

// keep leaves of the items those that were given up: the target has the rest.
func (b *branch) keep(givenUp []change.Failed) {
	all := len(b.items)
	b.items = slices.DeleteFunc(slices.Clone(b.items), func(item change.Item) bool {
		return !slices.ContainsFunc(givenUp, func(f change.Failed) bool { return f.Number == item.Number })
	})
	if all > 1 {
		b.progress.Waiting = givenUp
	}
}

// park waits for an operator to decide.
func (b *branch) park(ctx workflow.Context, reason string) error {
	b.decided = false
	b.enter(ctx, change.Parked, reason)
	b.report(ctx, string(change.Parked))
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return b.decided }); err != nil {
		return err
	}
	return b.settle(ctx)
}

func (b *branch) retry(ctx workflow.Context) {
	b.progress.Waiting = nil
	b.enter(ctx, change.Pending, "")
	b.report(ctx, retried)
	b.decided = true
}

func (b *branch) skip(ctx workflow.Context, reason string) {
	b.enter(ctx, change.Skipped, reason)
	b.report(ctx, string(change.Skipped))
	b.decided = true
}

func (b *branch) enter(ctx workflow.Context, state change.TargetState, reason string) {
	b.progress.State, b.progress.Reason = state, reason
	b.progress.Since = workflow.Now(ctx).UTC().Format(time.RFC3339)
}

func (b *branch) parked() error {
	if b.progress.State == change.Parked {
		return nil
	}
	return temporal.NewApplicationError(
		fmt.Sprintf("target %q is %s: only a parked target can be retried or skipped", b.progress.Target, b.progress.State),
		ErrorNotParked)
}
