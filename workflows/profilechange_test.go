package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"cis/change"
	"cis/profile"
	"cis/vault"
	"cis/workflows"
)

func TestAChangeIsStoredAndPublished(t *testing.T) {
	r := newRig(t, "badges", "payroll")
	result := r.run(set(t, "ldap", newcomer()...))
	require.Equal(t, change.Create, result.Outcomes[0].Condition)
	require.EqualValues(t, 1, result.Outcomes[0].Revision)

	record, p := r.stored()
	require.EqualValues(t, 1, record.Revision)
	require.Equal(t, string(result.Number), record.SequenceNumber)
	require.Equal(t, profile.PersonUUID(salt, ada).String(), p.String(profile.UUID))
	for _, path := range []profile.Path{profile.UUID, profile.PrimaryUsername, profile.Active, profile.LastModified} {
		require.Equal(t, profile.CIS, p.Get(path).Publisher(), path)
	}
	require.Equal(t, "ada@example.org", r.entry("mail"))
	require.Equal(t, "1", r.entry("cisRevision"))
	for name, one := range r.receivers {
		events := one.delivered()
		require.Len(t, events, 1, name)
		require.Equal(t, "create", events[0].Operation)
		require.Equal(t, ada, events[0].ID)
		require.EqualValues(t, 1, events[0].Revision)
		require.Contains(t, events[0].Attributes, "first_name")
	}

	result = r.run(set(t, "mozilliansorg", value{"first_name", "Augusta Ada"}))
	require.Equal(t, change.Update, result.Outcomes[0].Condition)
	require.Equal(t, []string{"first_name"}, result.Outcomes[0].Changed)
	require.Equal(t, "2", r.entry("cisRevision"))
	require.Equal(t, "Augusta Ada Lovelace", r.entry("cn"))

	result = r.run(set(t, "mozilliansorg", value{"first_name", "Augusta Ada"}))
	require.Equal(t, change.NoOp, result.Outcomes[0].Condition)
	record, _ = r.stored()
	require.EqualValues(t, 2, record.Revision)
	require.Len(t, r.receivers["badges"].delivered(), 2, "nobody is told of nothing")
}

func TestRefusedChangesLeaveNothing(t *testing.T) {
	tampered := set(t, "ldap", newcomer()...)
	p, err := profile.Parse(tampered.Changes[0].Profile)
	require.NoError(t, err)
	p, err = p.Set("first_name", "Eve", time.Now())
	require.NoError(t, err)
	tampered.Changes[0].Profile = p.JSON()

	unknown := set(t, "ldap", newcomer()...)
	unknown.Changes[0].Profile = append(append([]byte{}, unknown.Changes[0].Profile[:len(unknown.Changes[0].Profile)-1]...), `,"nickname":"x"}`...)

	for name, test := range map[string]struct {
		set  change.Set
		code change.Code
	}{
		"an unknown attribute":    {unknown, change.InvalidProfile},
		"a wrong publisher":       {set(t, "mozilliansorg", newcomer()...), change.InvalidPublisher},
		"a tampered value":        {tampered, change.InvalidSignature},
		"an identity chosen":      {set(t, "ldap", newcomer(value{profile.PrimaryUsername, "ada"})...), change.IdentityPreset},
		"a new person without id": {set(t, "ldap", value{"first_name", "Ada"}), change.InvalidSignature},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "badges")
			env := r.prepare()
			result := r.run(test.set)
			require.Empty(t, result.Outcomes)
			require.Len(t, result.Rejections, 1)
			require.Equal(t, test.code, result.Rejections[0].Code)
			require.NotContains(t, result.Rejections[0].Description, "Lovelace", "no value of the profile")
			require.Equal(t, change.Rejected, progress(t, env).State)
			_, p := r.stored()
			require.Nil(t, p)
			require.Empty(t, r.receivers["badges"].delivered())
		})
	}
}

// interposed is a vault in which something real happens just before or after
// the first Put.
type interposed struct {
	vault.Store
	once          sync.Once
	before, after func() error
}

func (i *interposed) Put(ctx context.Context, writes ...vault.Write) (conflicts []int, err error) {
	var failed error
	first := false
	i.once.Do(func() {
		first = true
		if i.before != nil {
			failed = i.before()
		}
	})
	if failed != nil {
		return nil, failed
	}
	conflicts, err = i.Store.Put(ctx, writes...)
	if first && i.after != nil && err == nil {
		return nil, i.after()
	}
	return conflicts, err
}

func TestAChangeThatComesInBetweenIsKept(t *testing.T) {
	r := newRig(t)
	r.run(set(t, "ldap", newcomer()...))
	plain := r.vault
	other := set(t, "mozilliansorg", value{"last_name", "Byron"})
	r.vault = &interposed{Store: plain, before: func() error {
		second := &rig{t: t, vault: plain, directory: r.directory, receivers: r.receivers, targets: r.targets}
		second.run(other)
		return nil
	}}
	result := r.run(set(t, "mozilliansorg", value{"first_name", "Augusta"}))
	require.EqualValues(t, 3, result.Outcomes[0].Revision)
	record, p := r.stored()
	require.EqualValues(t, 3, record.Revision)
	require.Equal(t, "Augusta", p.String("first_name"))
	require.Equal(t, "Byron", p.String("last_name"))
	require.Equal(t, "Augusta Byron", r.entry("cn"))
}

func TestAConflictIsVerifiedAnew(t *testing.T) {
	r := newRig(t)
	r.run(set(t, "ldap", newcomer()...))
	plain := r.vault
	// While fun_title is null ldap may set it; once it is set only the people
	// directory may change it.
	r.vault = &interposed{Store: plain, before: func() error {
		second := &rig{t: t, vault: plain, directory: r.directory, receivers: r.receivers, targets: r.targets}
		second.run(set(t, "mozilliansorg", value{"fun_title", "Enchantress of Numbers"}))
		return nil
	}}
	result := r.run(set(t, "ldap", value{"fun_title", "Countess"}))
	require.Len(t, result.Rejections, 1)
	require.Equal(t, change.InvalidPublisher, result.Rejections[0].Code)
	_, p := r.stored()
	require.Equal(t, "Enchantress of Numbers", p.String("fun_title"))
}

// away is a vault that cannot be written to for a number of times.
type away struct {
	vault.Store
	times int
}

func (a *away) Put(ctx context.Context, writes ...vault.Write) ([]int, error) {
	if a.times--; a.times >= 0 {
		return nil, errors.New("the vault is away")
	}
	return a.Store.Put(ctx, writes...)
}

func TestAVaultThatIsAwayLosesNothingAndIsSeenByOperators(t *testing.T) {
	r := newRig(t, "badges")
	r.vault = &away{r.vault, 10} // the test environment gives an activity ten attempts; Temporal gives it any number
	env := r.prepare()
	begun := env.Now()
	var attempts int
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if info.ActivityType.Name == "Store" && !info.IsLocalActivity {
			attempts = int(info.Attempt)
		}
	})
	result := r.run(set(t, "ldap", newcomer()...))
	require.Equal(t, change.Create, result.Outcomes[0].Condition)
	require.Greater(t, env.Now().Sub(begun), time.Minute, "longer than one attempt may take")
	require.Equal(t, 8, attempts, "three attempts at once, the others as an activity")
	require.Len(t, r.receivers["badges"].delivered(), 1)
}

func TestAStepThatDiedAfterStoringIsNotAppliedTwice(t *testing.T) {
	r := newRig(t, "badges")
	r.run(set(t, "ldap", newcomer()...))
	plain := r.vault
	// The write is committed, its acknowledgement lost, and before the step
	// is run again somebody else changes the same attribute.
	r.vault = &interposed{Store: plain, after: func() error {
		second := &rig{t: t, vault: plain, directory: r.directory, receivers: r.receivers, targets: r.targets}
		second.run(set(t, "mozilliansorg", value{"first_name", "Countess Ada"}))
		return errors.New("connection lost")
	}}
	result := r.run(set(t, "mozilliansorg", value{"first_name", "Augusta"}))
	require.Equal(t, change.Update, result.Outcomes[0].Condition)
	require.EqualValues(t, 2, result.Outcomes[0].Revision)
	require.Equal(t, []string{"first_name"}, result.Outcomes[0].Changed)
	record, p := r.stored()
	require.EqualValues(t, 3, record.Revision)
	require.Equal(t, "Countess Ada", p.String("first_name"), "the later change stays")
	require.Equal(t, "3", r.entry("cisRevision"))
}

func TestADirectoryThatIsDownIsTriedAgain(t *testing.T) {
	r := newRig(t, "badges")
	r.stopLDAP()
	env := r.prepare()
	env.RegisterDelayedCallback(func() {
		p := progress(t, env)
		require.Equal(t, change.Publishing, p.State)
		require.Equal(t, change.Pending, p.Targets[0].State)
		require.Equal(t, change.Published, p.Targets[1].State, "the receiver does not wait for the directory")
		r.startLDAP()
	}, 30*time.Second)
	r.run(set(t, "ldap", newcomer()...))
	require.Equal(t, "1", r.entry("cisRevision"))
	p := progress(t, env)
	require.Equal(t, change.Completed, p.State)
	require.Equal(t, 3, p.Targets[0].Attempts)
}

func TestATargetThatGivesUpWaitsForAnOperator(t *testing.T) {
	for name, test := range map[string]struct {
		decide func(t *testing.T, r *rig, send func(name string, arg any) *update) *update
		ends   change.TargetState
	}{
		"retried after it was mended": {func(t *testing.T, r *rig, send func(string, any) *update) *update {
			r.receivers["payroll"].answer(0)
			return send(workflows.UpdateRetry, "webhook/payroll")
		}, change.Published},
		"skipped with a reason": {func(t *testing.T, r *rig, send func(string, any) *update) *update {
			return send(workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/payroll", Reason: "it is gone for good"})
		}, change.Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "badges", "payroll")
			r.receivers["payroll"].answer(500)
			env := r.prepare()
			send := func(name string, arg any) *update {
				u := &update{}
				env.UpdateWorkflow(name, fmt.Sprint(name, arg), u, arg)
				return u
			}
			var decision *update
			refused := map[string]*update{}
			env.RegisterDelayedCallback(func() {
				p := progress(t, env)
				require.Equal(t, change.NeedsAttention, p.State)
				require.Equal(t, change.Published, p.Targets[0].State, "the directory does not wait for the receiver")
				require.Equal(t, change.Published, p.Targets[1].State)
				require.Equal(t, change.Parked, p.Targets[2].State)
				require.Equal(t, 3, p.Targets[2].Attempts)
				require.Contains(t, p.Targets[2].Reason, "gave up after 3 attempts")
				require.Contains(t, p.Targets[2].Reason, "500")

				refused[workflows.ErrorNotParked] = send(workflows.UpdateRetry, "ldap")
				refused[workflows.ErrorNoSuchTarget] = send(workflows.UpdateRetry, "webhook/nobody")
				refused[workflows.ErrorNoReason] = send(workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/payroll", Reason: " "})
			}, 10*time.Minute)
			env.RegisterDelayedCallback(func() { decision = test.decide(t, r, send) }, 20*time.Minute)
			r.run(set(t, "ldap", newcomer()...))

			for kind, u := range refused {
				failed, ok := errors.AsType[*temporal.ApplicationError](u.refused)
				require.True(t, ok, "%s: %v", kind, u.refused)
				require.Equal(t, kind, failed.Type())
			}
			require.True(t, decision.accepted, "%v", decision.refused)
			require.NoError(t, decision.err)
			p := progress(t, env)
			require.Equal(t, change.Completed, p.State)
			require.Equal(t, test.ends, p.Targets[2].State)
			if test.ends == change.Skipped {
				require.Equal(t, "it is gone for good", p.Targets[2].Reason)
				require.Empty(t, r.receivers["payroll"].delivered())
				return
			}
			require.Len(t, r.receivers["payroll"].delivered(), 1)
		})
	}
}

func TestARetryThatFailsParksAgain(t *testing.T) {
	r := newRig(t, "payroll")
	r.receivers["payroll"].answer(404)
	env := r.prepare()
	env.RegisterDelayedCallback(func() {
		require.Equal(t, 1, progress(t, env).Targets[1].Attempts, "what cannot get well by itself is not tried again")
		env.UpdateWorkflow(workflows.UpdateRetry, "first", &update{}, "webhook/payroll")
	}, time.Minute)
	env.RegisterDelayedCallback(func() {
		p := progress(t, env)
		require.Equal(t, change.NeedsAttention, p.State)
		require.Equal(t, 2, p.Targets[1].Attempts)
		r.receivers["payroll"].answer(0)
		env.UpdateWorkflow(workflows.UpdateRetry, "second", &update{}, "webhook/payroll")
	}, 2*time.Minute)
	r.run(set(t, "ldap", newcomer()...))
	require.Len(t, r.receivers["payroll"].delivered(), 1)
}

func TestThePublisherWaitsForIntegrationAndNotForPublication(t *testing.T) {
	r := newRig(t, "payroll")
	r.receivers["payroll"].answer(500)
	env := r.prepare()
	same, other := &update{}, &update{}
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(workflows.UpdateIntegrated, "same", same, "digest")
		env.UpdateWorkflow(workflows.UpdateIntegrated, "other", other, "another digest")
	}, 0)
	env.RegisterDelayedCallback(func() {
		require.NotNil(t, same.result, "answered while a target is still being tried")
		require.Equal(t, change.Publishing, progress(t, env).State)
		r.receivers["payroll"].answer(0)
	}, 500*time.Millisecond)
	r.run(set(t, "ldap", newcomer()...))
	require.NoError(t, same.err)
	require.Equal(t, change.Create, same.result.(change.Result).Outcomes[0].Condition)
	failed, ok := errors.AsType[*temporal.ApplicationError](other.refused)
	require.True(t, ok, "%v", other.refused)
	require.Equal(t, workflows.ErrorKeyReused, failed.Type())
}
