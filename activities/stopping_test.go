package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"cis/change"
)

// publishWhileStopping runs a publication of three people whose worker stops
// while it is at the second.
func publishWhileStopping(t *testing.T, finish time.Duration, second func(context.Context) error) (took []string, err error) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	a := &Publishing{Heartbeat: time.Hour, Finish: finish}
	activity := func(ctx context.Context, p change.Publication) (change.Report, error) {
		return a.publish(ctx, p, Schedule{time.Second}, func(ctx context.Context, item change.Item) error {
			if item.UserID == "person 1" {
				close(stop)
				if err := second(ctx); err != nil {
					return err
				}
			}
			took = append(took, item.UserID)
			return nil
		})
	}
	env.RegisterActivity(activity)
	_, err = env.ExecuteActivity(activity, change.Publication{Target: "ldap", Items: items(3)})
	return took, err
}

func TestAnActivityWhoseWorkerStopsFinishesThePersonItIsAtAndHandsTheRestBack(t *testing.T) {
	for name, test := range map[string]struct {
		finish time.Duration
		second func(context.Context) error
		took   []string
	}{
		"one that comes to its end": {time.Minute, func(context.Context) error { return nil }, []string{"person 0", "person 1"}},
		"one that takes too long": {time.Millisecond, func(ctx context.Context) error {
			<-ctx.Done()
			return change.As(change.Retry, ctx.Err())
		}, []string{"person 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			took, err := publishWhileStopping(t, test.finish, test.second)
			require.Equal(t, test.took, took)
			failed, ok := errors.AsType[*temporal.ApplicationError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, ErrorHandedBack, failed.Type())
			require.False(t, failed.NonRetryable())
			require.Equal(t, time.Millisecond, failed.NextRetryDelay())
		})
	}
}
