package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"cis/change"
)

// ErrorHandedBack is the type of the error of an attempt that ended because its
// worker stopped.
const ErrorHandedBack = "HandedBack"

// stopping tells whether the activity's worker stops.
func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}

// whileWorking returns a context that ends when the worker has been stopping
// for so long that the activity must hand back.
func (a *Publishing) whileWorking(ctx context.Context) (working context.Context, done func()) {
	working, cancel := context.WithCancel(ctx)
	stop := activity.GetWorkerStopChannel(ctx)
	go func() {
		select {
		case <-working.Done():
			return
		case <-stop:
		}
		select {
		case <-working.Done():
		case <-time.After(a.Finish):
			cancel()
		}
	}()
	return working, cancel
}

// handBack ends an attempt for another worker to go on with, at once.
func handBack(ctx context.Context, t *attempt) (change.Report, error) {
	activity.RecordHeartbeat(ctx, t)
	return change.Report{}, temporal.NewApplicationErrorWithOptions("the worker stops, another one goes on", ErrorHandedBack,
		temporal.ApplicationErrorOptions{NextRetryDelay: time.Millisecond})
}
