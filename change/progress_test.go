package change_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cis/change"
)

func TestProgressOfOneChangeOfASet(t *testing.T) {
	set := change.KeyedNumber("hris", "monday")
	outcome := func(i int, c change.Condition) change.Outcome { return change.Outcome{Number: set.At(i), Condition: c} }
	p := change.Progress{
		State: change.NeedsAttention,
		Result: change.Result{Number: set,
			Outcomes:   []change.Outcome{outcome(0, change.Create), outcome(1, change.Create), outcome(2, change.NoOp), {}, outcome(4, change.Update)},
			Rejections: []change.Rejection{{Index: 3, Code: change.InvalidPublisher}}},
		Targets: []change.TargetProgress{
			{Target: "ldap", Changes: []int{0, 1, 4}, State: change.Published},
			{Target: "webhook/badges", Changes: []int{0, 1}, State: change.Parked, Reason: "1 of 2 changes: no",
				Waiting: []change.Failed{{Number: set.At(1), Reason: "no"}}},
			{Target: "webhook/payroll", Changes: []int{4}, State: change.Pending},
		},
	}
	for name, test := range map[string]struct {
		index   int
		state   change.State
		targets map[string]change.TargetState
	}{
		"one that every target has":         {0, change.Completed, map[string]change.TargetState{"ldap": change.Published, "webhook/badges": change.Published}},
		"one that a target gave up":         {1, change.NeedsAttention, map[string]change.TargetState{"ldap": change.Published, "webhook/badges": change.Parked}},
		"one that said nothing new":         {2, change.Completed, nil},
		"one that was rejected":             {3, change.Rejected, nil},
		"one that a target is still to get": {4, change.Publishing, map[string]change.TargetState{"ldap": change.Published, "webhook/payroll": change.Pending}},
	} {
		t.Run(name, func(t *testing.T) {
			one := p.Of(test.index)
			require.Equal(t, test.state, one.State)
			require.Len(t, one.Targets, len(test.targets))
			for _, target := range one.Targets {
				require.Equal(t, test.targets[target.Target], target.State, target.Target)
				require.Empty(t, target.Waiting)
			}
			require.Equal(t, test.index == 3, len(one.Result.Rejections) == 1)
		})
	}
	require.Equal(t, "no", p.Of(1).Targets[1].Reason)
	for _, state := range []change.State{change.Integrating, change.Rejected, change.Abandoned, change.Ended} {
		require.Equal(t, state, change.Progress{State: state, Result: change.Result{Number: set}}.Of(1).State)
	}
}
