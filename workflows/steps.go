package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// step runs a step of the integration and puts what it returns into result: at
// first in the process that runs the workflow, which is the quickest; when that
// fails, as an activity, which Temporal tries again for as long as it takes,
// where operators see it, and without another event in the history. A canceled
// workflow is the only error.
func step(ctx workflow.Context, activity, result any, args ...any) error {
	const once = time.Minute
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: once,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumAttempts: 3},
	})
	err := workflow.ExecuteLocalActivity(local, activity, args...).Get(ctx, result)
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	durable := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: once,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
	return workflow.ExecuteActivity(durable, activity, args...).Get(ctx, result)
}
