package workflows_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"cis/change"
	"cis/profile"
	"cis/vault"
	"cis/workflows"
)

// person is the n-th of the people of a set.
func person(n int) string { return fmt.Sprint("github|", n) }

// several is a change set of n new people.
func several(t *testing.T, n int) change.Set {
	all := set(t, "ldap", newcomer()...)
	all.Changes = nil
	for i := range n {
		one := set(t, "ldap", newcomer(value{profile.UserID, person(i)})...)
		all.Changes = append(all.Changes, change.Submitted{UserID: person(i), Profile: one.Changes[0].Profile})
	}
	return all
}

// deletion is a change set that deletes ada, signed by a publisher.
func deletion(t *testing.T, publisher string) change.Set {
	s := set(t, publisher, value{profile.UserID, ada})
	s.Changes[0].Delete = true
	return s
}

func (r *rig) gone() bool {
	_, err := r.directory.Entry(context.Background(), profile.PersonUUID(salt, ada).String())
	return err != nil
}

func TestASetOfManyIsStoredAndPublishedAsOne(t *testing.T) {
	r := newRig(t, "badges")
	result := r.run(several(t, 10))
	require.Len(t, result.Outcomes, 10)
	for i, o := range result.Outcomes {
		require.Equal(t, change.Create, o.Condition)
		require.Equal(t, result.Number.At(i), o.Number)
		_, err := r.directory.Entry(context.Background(), profile.PersonUUID(salt, person(i)).String())
		require.NoError(t, err)
	}
	require.Len(t, r.receivers["badges"].delivered(), 10)
}

func TestOneBadProfileOfASetRefusesAll(t *testing.T) {
	r := newRig(t, "badges")
	s := several(t, 3)
	s.Changes[1].Profile = set(t, "mozilliansorg", newcomer(value{profile.UserID, person(1)})...).Changes[0].Profile
	result := r.run(s)
	require.Empty(t, result.Outcomes)
	require.Len(t, result.Rejections, 1)
	require.Equal(t, 1, result.Rejections[0].Index)
	listed, err := r.vault.List(context.Background(), vault.Query{Activity: vault.AnyActivity, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, listed)
	require.Empty(t, r.receivers["badges"].delivered())
}

func TestATargetThatFailsForOnePersonParksThatPersonAlone(t *testing.T) {
	r := newRig(t, "badges")
	badges := r.receivers["badges"]
	badges.refuse = person(1)
	badges.answer(500)
	env := r.prepare()
	s := several(t, 4)
	env.RegisterDelayedCallback(func() {
		p := progress(t, env)
		require.Equal(t, change.NeedsAttention, p.State)
		require.Equal(t, change.Parked, p.Targets[1].State)
		require.Len(t, p.Targets[1].Waiting, 1)
		require.Equal(t, s.Number.At(1), p.Targets[1].Waiting[0].Number)
		require.Contains(t, p.Targets[1].Waiting[0].Reason, "500")
		require.Len(t, badges.delivered(), 3, "the others have been told")
		badges.answer(0)
		env.UpdateWorkflow(workflows.UpdateRetry, "retry", &update{}, "webhook/badges")
	}, 10*time.Minute)
	r.run(s)
	p := progress(t, env)
	require.Equal(t, change.Published, p.Targets[1].State)
	require.Empty(t, p.Targets[1].Waiting)
	events := badges.delivered()
	require.Len(t, events, 4, "nobody was told twice")
	require.Equal(t, person(1), events[3].ID)
}

func TestATargetIsToldOnlyOfWhatItWants(t *testing.T) {
	r := newRig(t, "badges")
	r.unwanted = map[string]change.Condition{"webhook/badges": change.Update}
	r.run(several(t, 1))
	both := several(t, 2)
	both.Changes[0].Profile = set(t, "mozilliansorg", value{profile.UserID, person(0)}, value{"first_name", "Augusta"}).Changes[0].Profile
	result := r.run(both)
	require.Equal(t, change.Update, result.Outcomes[0].Condition)
	require.Equal(t, change.Create, result.Outcomes[1].Condition)
	for _, event := range r.receivers["badges"].delivered() {
		require.Equal(t, "create", event.Operation)
	}
	require.Len(t, r.receivers["badges"].delivered(), 2)
}

func TestADeletionReachesEveryTarget(t *testing.T) {
	r := newRig(t, "badges")
	r.run(set(t, "ldap", newcomer()...))
	require.False(t, r.gone())
	result := r.run(deletion(t, "ldap"))
	require.Equal(t, change.Delete, result.Outcomes[0].Condition)
	require.EqualValues(t, 2, result.Outcomes[0].Revision)
	record, p := r.stored()
	require.Nil(t, p)
	require.Equal(t, vault.Record{ID: ada, SequenceNumber: string(result.Number), Revision: 2}, record)
	require.True(t, r.gone())
	events := r.receivers["badges"].delivered()
	require.Equal(t, "delete", events[len(events)-1].Operation)

	again := r.run(deletion(t, "ldap"))
	require.Equal(t, change.NoOp, again.Outcomes[0].Condition, "who is gone need not be deleted")

	back := r.run(set(t, "ldap", newcomer()...))
	require.Equal(t, change.Create, back.Outcomes[0].Condition)
	require.EqualValues(t, 3, back.Outcomes[0].Revision, "revisions go on, so that an older publication is known as older")
	require.Equal(t, "3", r.entry("cisRevision"))
}

func TestADeletionMustBeSignedByWhoMayCreateThePerson(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, s *change.Set)
		code  change.Code
	}{
		"by a publisher who may not": {func(t *testing.T, s *change.Set) { *s = deletion(t, "cis") }, change.InvalidPublisher},
		"unsigned": {func(t *testing.T, s *change.Set) {
			p, err := profile.Empty().Set(profile.UserID, ada, time.Now())
			require.NoError(t, err)
			s.Changes[0].Profile = p.JSON()
		}, change.InvalidSignature},
		"for somebody else": {func(t *testing.T, s *change.Set) {
			s.Changes[0].Profile = set(t, "ldap", value{profile.UserID, person(1)}).Changes[0].Profile
		}, change.InvalidSignature},
		"without user_id": {func(t *testing.T, s *change.Set) { s.Changes[0].Profile = []byte(`{}`) }, change.InvalidProfile},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.run(set(t, "ldap", newcomer()...))
			s := deletion(t, "ldap")
			test.spoil(t, &s)
			result := r.run(s)
			require.Len(t, result.Rejections, 1)
			require.Equal(t, test.code, result.Rejections[0].Code)
			require.False(t, r.gone())
		})
	}
}

// betweenReads is a vault in which something real happens after the first Get
// of a publication.
type betweenReads struct {
	vault.Store
	gets  int
	after int // the Get after which it happens
	do    func()
}

func (b *betweenReads) Get(ctx context.Context, ids ...string) (map[string]vault.Record, error) {
	records, err := b.Store.Get(ctx, ids...)
	if b.gets++; b.gets == b.after {
		b.do()
	}
	return records, err
}

func TestAPublicationThatADeletionOvertakesLeavesNoEntry(t *testing.T) {
	r := newRig(t)
	plain := r.vault
	// The first two reads are those of the integration.
	r.vault = &betweenReads{Store: plain, after: 3, do: func() {
		second := &rig{t: t, vault: plain, directory: r.directory, receivers: r.receivers, targets: r.targets}
		second.run(deletion(t, "ldap"))
	}}
	r.run(set(t, "ldap", newcomer()...))
	_, p := r.stored()
	require.Nil(t, p, "the deletion came in between")
	require.True(t, r.gone())
}

func TestAHeldSetIsStoredOnRelease(t *testing.T) {
	r := newRig(t, "badges")
	env := r.prepare()
	verified, released := &update{}, &update{}
	s := several(t, 2)
	s.Held = true
	env.RegisterDelayedCallback(func() { env.UpdateWorkflow(workflows.UpdateVerified, "verified", verified, "digest") }, 0)
	env.RegisterDelayedCallback(func() {
		require.NotNil(t, verified.result)
		result := verified.result.(change.Result)
		require.Empty(t, result.Rejections)
		require.Empty(t, result.Outcomes)
		require.Equal(t, change.Integrating, progress(t, env).State)
		listed, err := r.vault.List(context.Background(), vault.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, listed, "nothing is stored yet")
		env.UpdateWorkflow(workflows.UpdateRelease, "release", released, "digest")
	}, 10*time.Minute)
	require.Len(t, r.run(s).Outcomes, 2)
	require.NoError(t, released.err)
	require.Len(t, released.result.(change.Result).Outcomes, 2)
	require.Len(t, r.receivers["badges"].delivered(), 2)
}

func TestAHeldSetThatIsNotReleasedIsAbandoned(t *testing.T) {
	for name, end := range map[string]func(*testsuite.TestWorkflowEnvironment){
		"when it is given up":        func(env *testsuite.TestWorkflowEnvironment) { env.SignalWorkflow(workflows.SignalAbandon, "digest") },
		"when it is canceled":        func(env *testsuite.TestWorkflowEnvironment) { env.CancelWorkflow() },
		"when nobody comes for long": func(*testsuite.TestWorkflowEnvironment) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "badges")
			env := r.prepare()
			env.RegisterDelayedCallback(func() { end(env) }, time.Minute)
			s := several(t, 2)
			s.Held = true
			env.ExecuteWorkflow(workflows.ProfileChange, s)
			require.True(t, env.IsWorkflowCompleted())
			require.True(t, temporal.IsCanceledError(env.GetWorkflowError()), "%v", env.GetWorkflowError())
			require.Equal(t, change.Abandoned, progress(t, env).State)
			listed, err := r.vault.List(context.Background(), vault.Query{Limit: 10})
			require.NoError(t, err)
			require.Empty(t, listed)
			require.Empty(t, r.receivers["badges"].delivered())
		})
	}
}

func TestWhatIsReleasedOrSomebodyElsesIsNotGivenUp(t *testing.T) {
	r := newRig(t, "badges")
	env := r.prepare()
	released := &update{}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalAbandon, "another digest") }, time.Minute)
	env.RegisterDelayedCallback(func() {
		require.Equal(t, change.Integrating, progress(t, env).State)
		env.UpdateWorkflow(workflows.UpdateRelease, "release", released, "digest")
		env.SignalWorkflow(workflows.SignalAbandon, "digest")
	}, 2*time.Minute)
	s := several(t, 2)
	s.Held = true
	require.Len(t, r.run(s).Outcomes, 2)
	require.Len(t, r.receivers["badges"].delivered(), 2)
}

func TestOneChangeIsNotGivenUp(t *testing.T) {
	r := newRig(t, "badges")
	r.receivers["badges"].answer(http.StatusServiceUnavailable)
	env := r.prepare()
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(workflows.SignalAbandon, "digest")
		r.receivers["badges"].answer(0)
	}, 30*time.Second)
	require.Len(t, r.run(set(t, "ldap", newcomer()...)).Outcomes, 1)
	require.Len(t, r.receivers["badges"].delivered(), 1)
}

func TestWhatOfASetIsStoredIsPublishedAlsoWhenAnotherChangeMakesTheRestWrong(t *testing.T) {
	r := newRig(t, "badges")
	r.run(several(t, 2))
	titled := func(publisher string, n int, title string) change.Submitted {
		one := set(t, publisher, value{profile.UserID, person(n)}, value{"fun_title", title}).Changes[0]
		return change.Submitted{UserID: person(n), Profile: one.Profile}
	}
	s := set(t, "ldap")
	s.Changes = []change.Submitted{titled("ldap", 0, "Countess"), titled("ldap", 1, "Baron")}
	plain := r.vault
	r.vault = &interposed{Store: plain, before: func() error {
		second := &rig{t: t, vault: plain, directory: r.directory, receivers: r.receivers, targets: r.targets}
		other := set(t, "mozilliansorg")
		other.Changes = []change.Submitted{titled("mozilliansorg", 1, "Enchanter of Numbers")}
		second.run(other)
		return nil
	}}
	result := r.run(s)
	require.Len(t, result.Rejections, 1)
	require.Equal(t, 1, result.Rejections[0].Index)
	require.Equal(t, change.InvalidPublisher, result.Rejections[0].Code)
	require.Equal(t, change.Update, result.Outcomes[0].Condition)
	require.Empty(t, result.Outcomes[1].Condition)
	events := r.receivers["badges"].delivered()
	require.Len(t, events, 4, "two new people, the other change, and what was stored")
	require.Equal(t, person(0), events[3].ID)
}

func TestASequenceNumberOfAnotherRequestIsRefused(t *testing.T) {
	r := newRig(t, "badges")
	first := set(t, "ldap", newcomer()...)
	r.run(first)
	for name, spoil := range map[string]func(*change.Set){
		"for another content": func(s *change.Set) { s.Digest = "another" },
		"for another person":  func(s *change.Set) { s.Changes[0] = several(t, 1).Changes[0] },
	} {
		t.Run(name, func(t *testing.T) {
			again := first
			again.Changes = slices.Clone(first.Changes)
			spoil(&again)
			result := r.run(again)
			require.Len(t, result.Rejections, 1)
			require.Equal(t, change.KeyReused, result.Rejections[0].Code)
			require.Empty(t, result.Outcomes)
		})
	}
	require.Len(t, r.run(first).Outcomes, 1, "the same request has the same answer")
	require.Len(t, r.receivers["badges"].delivered(), 2)
}
