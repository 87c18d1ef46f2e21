package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"cis/change"
)

// patient is an error of a receiver that asks to be left alone for a while.
type patient struct{ time.Duration }

func (patient) Error() string               { return "busy" }
func (p patient) RetryAfter() time.Duration { return p.Duration }

func items(n int) []change.Item {
	items := make([]change.Item, n)
	for i := range items {
		items[i] = change.Item{UserID: fmt.Sprint("person ", i), Number: change.Number(fmt.Sprint(i))}
	}
	return items
}

func TestWhatBecomesOfAFailedAttempt(t *testing.T) {
	schedule := Schedule{time.Second, time.Minute}
	for name, test := range map[string]struct {
		err    error
		number int32
		parked bool
		delay  time.Duration
	}{
		"the first failure":                        {errors.New("down"), 1, false, time.Second},
		"the second failure":                       {errors.New("down"), 2, false, time.Minute},
		"one more than the schedule has":           {errors.New("down"), 3, true, 0},
		"what only a person can mend":              {change.As(change.Park, errors.New("no rights")), 1, true, 0},
		"a receiver that asks for longer":          {fmt.Errorf("x: %w", patient{time.Hour}), 1, false, time.Hour},
		"a receiver that asks for less":            {patient{time.Millisecond}, 2, false, time.Minute},
		"a receiver that asks for ever but parked": {change.As(change.Park, patient{time.Hour}), 1, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := &attempt{Left: []int{0}, items: items(1), number: test.number, last: int(test.number) > len(schedule)}
			attempt.done(0, test.err, schedule)
			_, err := attempt.result()
			failed, ok := errors.AsType[*temporal.ApplicationError](err)
			require.True(t, ok)
			require.Equal(t, test.parked, failed.NonRetryable())
			require.Equal(t, test.parked, failed.Type() == ErrorParked)
			require.Equal(t, test.delay, failed.NextRetryDelay())
			if test.parked {
				var report change.Report
				require.NoError(t, failed.Details(&report))
				require.EqualValues(t, test.number, report.Attempts)
				require.Equal(t, change.Number("0"), report.GivenUp[0].Number)
			}
		})
	}
}

// target takes items, but for those that fail.
type target struct {
	fails map[string]error // by user id
	took  []string
	tried int
}

func (t *target) take(_ context.Context, item change.Item) error {
	t.tried++
	if err := t.fails[item.UserID]; err != nil {
		return err
	}
	t.took = append(t.took, item.UserID)
	return nil
}

// publishOnce runs the first attempt of a publication of n people, going on
// from an earlier state where there is one.
func publishOnce(t *testing.T, n int, one *target, from *attempt) (report change.Report, err error) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	if from != nil {
		env.SetHeartbeatDetails(from)
	}
	a := &Publishing{Heartbeat: time.Hour}
	activity := func(ctx context.Context, p change.Publication) (change.Report, error) {
		return a.publish(ctx, p, Schedule{time.Second}, one.take)
	}
	env.RegisterActivity(activity)
	value, err := env.ExecuteActivity(activity, change.Publication{Target: "ldap", Items: items(n)})
	if err == nil {
		require.NoError(t, value.Get(&report))
	}
	return report, err
}

func TestAFailingPersonKeepsNobodyBack(t *testing.T) {
	one := &target{fails: map[string]error{
		"person 1": change.As(change.Park, errors.New("schema violation")),
		"person 3": change.As(change.Park, errors.New("no such parent")),
	}}
	_, err := publishOnce(t, 5, one, nil)
	require.Equal(t, []string{"person 0", "person 2", "person 4"}, one.took)
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok)
	require.Equal(t, ErrorParked, failed.Type())
	require.Equal(t, "2 of 5 changes: schema violation", failed.Message())
	var report change.Report
	require.NoError(t, failed.Details(&report))
	require.Equal(t, []change.Failed{{Number: "1", Reason: "schema violation"}, {Number: "3", Reason: "no such parent"}}, report.GivenUp)
}

func TestAnAttemptGoesOnWhereTheLastOneWas(t *testing.T) {
	one := &target{}
	report, err := publishOnce(t, 6, one, &attempt{Left: []int{4, 5, 2}})
	require.NoError(t, err)
	require.Empty(t, report.GivenUp)
	require.Equal(t, []string{"person 4", "person 5", "person 2"}, one.took)
}

func TestWhatWasGivenUpStaysGivenUpInTheNextAttempt(t *testing.T) {
	one := &target{}
	_, err := publishOnce(t, 3, one, &attempt{Left: []int{2}, GivenUp: []change.Failed{{Number: "0", Reason: "no"}}})
	require.Equal(t, []string{"person 2"}, one.took)
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok)
	require.Equal(t, "1 of 3 changes: no", failed.Message())
}

func TestAnIllTargetIsLeftAloneSoon(t *testing.T) {
	one := &target{fails: map[string]error{}}
	for _, item := range items(64) {
		one.fails[item.UserID] = errors.New("connection refused")
	}
	_, err := publishOnce(t, 64, one, nil)
	require.Equal(t, down, one.tried)
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok)
	require.False(t, failed.NonRetryable())
	require.Equal(t, "64 of 64 changes: connection refused", failed.Message())
}

func TestAPersonWhomTheTargetRefusesForNowIsTriedLast(t *testing.T) {
	schedule := Schedule{time.Second}
	a := &attempt{Left: []int{0, 1, 2}, items: items(3), number: 1}
	a.done(0, errors.New("busy"), schedule)
	a.done(1, nil, schedule)
	require.Equal(t, []int{2, 0}, a.Left)
}
