package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"cis/change"
)

// A large request is several change sets, and is stored as a whole or not at
// all. Its sets are held: each is verified and then waits until the API, which
// has seen the whole request by then, releases it. When any of them is refused
// the API abandons the others; when the API dies they end by themselves. Their
// workflows are then canceled ones, so that the same request can be sent again
// under the same idempotency key. What was released cannot be abandoned.

// HoldFor is how long a verified set waits for its release: the request that it
// is part of must not take longer.
const HoldFor = 30 * time.Minute

// errAbandoned says that a held set was not released.
var errAbandoned = temporal.NewCanceledError("the batch that this belongs to was refused or broken off")

// notReleased tells whether err means that a held set will not be stored.
func (c *profileChange) notReleased(err error) bool {
	return c.set.Held && !c.released && temporal.IsCanceledError(err)
}

// hold waits until a held set is released; others need not wait.
func (c *profileChange) hold(ctx workflow.Context) error {
	if !c.set.Held || c.released {
		return nil
	}
	c.verified = true
	inTime, err := workflow.AwaitWithTimeout(ctx, HoldFor, func() bool { return c.released || c.abandoned })
	if err == nil && (!inTime || c.abandoned) {
		return errAbandoned
	}
	return err
}

// awaitAbandonment takes the API's word that a held set will not be released,
// unless it has been, and is not meant for another request under the same
// idempotency key.
func (c *profileChange) awaitAbandonment(ctx workflow.Context) {
	for {
		var digest string
		workflow.GetSignalChannel(ctx, SignalAbandon).Receive(ctx, &digest)
		if c.set.Held && digest == c.set.Digest && !c.released {
			c.abandoned = true
		}
	}
}

// abandon ends a held set that was not released, as a canceled workflow.
func (c *profileChange) abandon(ctx workflow.Context) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	c.abandoned = true
	if err := c.enter(ctx, change.Abandoned); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return errAbandoned
}

// awaitVerified answers with a result that has rejections, or neither
// rejections nor outcomes: then the set waits for its release.
func (c *profileChange) awaitVerified(ctx workflow.Context, _ string) (change.Result, error) {
	if err := workflow.Await(ctx, func() bool { return c.verified || c.result != nil || c.abandoned }); err != nil {
		return change.Result{}, err
	}
	return c.answer()
}

// release lets a held set be stored, and is then like awaitIntegrated.
func (c *profileChange) release(ctx workflow.Context, digest string) (change.Result, error) {
	c.released = true
	return c.awaitIntegrated(ctx, digest)
}

// canRelease refuses to release what has been given up.
func (c *profileChange) canRelease(ctx workflow.Context, digest string) error {
	if c.abandoned {
		return notStored()
	}
	return c.sameRequest(ctx, digest)
}

// answer is what is known of the set so far.
func (c *profileChange) answer() (change.Result, error) {
	switch {
	case c.result != nil:
		return *c.result, nil
	case c.abandoned:
		return change.Result{}, notStored()
	}
	return change.Result{Number: c.set.Number, Digest: c.set.Digest}, nil
}

func notStored() error {
	return temporal.NewApplicationError("the batch that this belongs to was refused or broken off", ErrorAbandoned)
}
