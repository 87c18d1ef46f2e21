package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"cis/change"
)

// listen registers what a ProfileChange answers: the publisher's wait, what
// becomes of a held set, and the operators' decisions.
func (c *profileChange) listen(ctx workflow.Context) error {
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, c.progress, workflow.QueryHandlerOptions{
		Description: "State of the change and of each of its targets.",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateIntegrated, c.awaitIntegrated, workflow.UpdateHandlerOptions{
		Validator:   c.sameRequest,
		Description: "Waits until the change is stored or refused. Argument: the request's digest.",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateVerified, c.awaitVerified, workflow.UpdateHandlerOptions{
		Validator:   c.sameRequest,
		Description: "Waits until a part of a batch is verified or refused. Argument: the request's digest.",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateRelease, c.release, workflow.UpdateHandlerOptions{
		Validator:   c.canRelease,
		Description: "Lets a part of a batch be stored and waits until it is. Argument: the request's digest.",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateRetry, c.retry, workflow.UpdateHandlerOptions{
		Validator:   c.canRetry,
		Description: `Tries a parked target again. Argument: the target, such as "ldap".`,
	}); err != nil {
		return err
	}
	workflow.Go(ctx, c.awaitAbandonment)
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateSkip, c.skip, workflow.UpdateHandlerOptions{
		Validator:   c.canSkip,
		Description: `Gives a parked target up. Argument: {"target": "ldap", "reason": "why"}.`,
	})
}

func (c *profileChange) awaitIntegrated(ctx workflow.Context, _ string) (change.Result, error) {
	if err := workflow.Await(ctx, func() bool { return c.result != nil || c.abandoned }); err != nil {
		return change.Result{}, err
	}
	return c.answer()
}

func (c *profileChange) sameRequest(_ workflow.Context, digest string) error {
	if digest == c.set.Digest {
		return nil
	}
	return temporal.NewApplicationError("the idempotency key was used before, for another content", ErrorKeyReused)
}

func (c *profileChange) retry(ctx workflow.Context, target string) (change.TargetProgress, error) {
	b, err := c.branch(target)
	if err != nil {
		return change.TargetProgress{}, err
	}
	b.retry(ctx)
	return b.progress, nil
}

func (c *profileChange) canRetry(_ workflow.Context, target string) error {
	b, err := c.branch(target)
	if err != nil {
		return err
	}
	return b.parked()
}

func (c *profileChange) skip(ctx workflow.Context, request SkipRequest) (change.TargetProgress, error) {
	b, err := c.branch(request.Target)
	if err != nil {
		return change.TargetProgress{}, err
	}
	b.skip(ctx, request.Reason)
	return b.progress, nil
}

func (c *profileChange) canSkip(_ workflow.Context, request SkipRequest) error {
	if strings.TrimSpace(request.Reason) == "" {
		return temporal.NewApplicationError("skipping a target needs a reason", ErrorNoReason)
	}
	b, err := c.branch(request.Target)
	if err != nil {
		return err
	}
	return b.parked()
}
