package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"cis/activities"
	"cis/change"
)

// ProfileChange is the life of one change set: it is validated, verified and
// stored while its publisher waits, then carried to every target until each
// has it. It never fails: a set that is refused completes with its rejections,
// and a target that gives up waits for an operator.
func ProfileChange(ctx workflow.Context, set change.Set) (change.Result, error) {
	c := &profileChange{set: set, state: change.Integrating}
	if err := c.listen(ctx); err != nil {
		return change.Result{}, err
	}
	return c.run(ctx)
}

type profileChange struct {
	set       change.Set
	state     change.State
	verified  bool           // a held set, by the state of the vault when it came
	released  bool           // a held set may be stored
	abandoned bool           // a held set will not be stored
	result    *change.Result // once integrated
	branches  []*branch
}

func (c *profileChange) run(ctx workflow.Context) (change.Result, error) {
	targets, err := c.integrate(ctx)
	if c.notReleased(err) {
		return change.Result{}, c.abandon(ctx)
	}
	if err != nil {
		return change.Result{}, err
	}
	c.report(ctx)
	if len(targets) > 0 {
		if err := c.publish(ctx, targets); err != nil {
			return change.Result{}, err
		}
	}
	if err := c.enter(ctx, c.finalState()); err != nil {
		return change.Result{}, err
	}
	err = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return *c.result, err
}

// integrate decides on the set and stores it, and returns the targets that are
// to be told. Another change that comes in between starts it over: what the
// set is merged onto is what it was verified against.
func (c *profileChange) integrate(ctx workflow.Context) ([]change.Target, error) {
	var steps *activities.Integration
	var rejections []change.Rejection
	if err := step(ctx, steps.Validate, &rejections, c.set); err != nil {
		return nil, err
	}
	for {
		var verdict activities.Verdict
		if err := step(ctx, steps.Verify, &verdict, c.set, rejections); err != nil {
			return nil, err
		}
		rejections = verdict.Rejections
		if c.refused(rejections, verdict.Partly) {
			break
		}
		if err := c.hold(ctx); err != nil {
			return nil, err
		}
		var stored activities.Stored
		if err := step(ctx, steps.Store, &stored, c.set, verdict); err != nil {
			return nil, err
		}
		rejections = append(rejections, stored.Rejections...)
		if c.refused(rejections, verdict.Partly) {
			break
		}
		if !stored.Conflict && len(stored.Rejections) == 0 {
			c.result = &change.Result{Number: c.set.Number, Digest: c.set.Digest, Outcomes: stored.Outcomes, Rejections: rejections}
			return stored.Targets, nil
		}
	}
	c.result = &change.Result{Number: c.set.Number, Digest: c.set.Digest, Rejections: rejections}
	return nil, nil
}

// refused tells whether the set is not stored: one bad change refuses them all.
// But when others of the same request are stored, or of the set itself, which
// another change has come in between of, only the bad ones are left out.
func (c *profileChange) refused(rejections []change.Rejection, partly bool) bool {
	switch {
	case len(rejections) == 0:
		return false
	case c.released || partly:
		return len(rejections) == len(c.set.Changes)
	}
	return true
}

// publish carries the set to each target on a branch of its own.
func (c *profileChange) publish(ctx workflow.Context, targets []change.Target) error {
	for _, target := range targets {
		c.branches = append(c.branches, newBranch(ctx, c, target))
	}
	if err := c.enter(ctx, change.Publishing); err != nil {
		return err
	}
	ended := workflow.NewWaitGroup(ctx)
	errs := make([]error, len(c.branches))
	for i, b := range c.branches {
		ended.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer ended.Done()
			errs[i] = b.run(ctx)
		})
	}
	ended.Wait(ctx)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// items are the changes that the target is to be told of.
func (c *profileChange) items(target change.Target) []change.Item {
	var items []change.Item
	for _, i := range target.Changes {
		o := c.result.Outcomes[i]
		items = append(items, change.Item{
			UserID: c.set.Changes[i].UserID, Number: o.Number, Condition: o.Condition,
			Revision: o.Revision, Changed: o.Changed, Time: o.Time,
		})
	}
	return items
}

// settle brings the set's state up to date with its branches.
func (c *profileChange) settle(ctx workflow.Context) error {
	state := change.Publishing
	for _, b := range c.branches {
		if b.progress.State == change.Parked {
			state = change.NeedsAttention
		}
	}
	return c.enter(ctx, state)
}

func (c *profileChange) finalState() change.State {
	if len(c.result.Outcomes) == 0 {
		return change.Rejected
	}
	return change.Completed
}

// enter records a state where operators search for it, when it is a new one.
func (c *profileChange) enter(ctx workflow.Context, state change.State) error {
	if state == c.state {
		return nil
	}
	updates := []temporal.SearchAttributeUpdate{SearchState.ValueSet(string(state))}
	if c.state == change.Integrating && c.result != nil && len(c.result.Outcomes) > 0 {
		updates = append(updates, SearchCondition.ValueSet(c.conditions()))
	}
	c.state = state
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

func (c *profileChange) conditions() []string {
	var names []string
	for _, o := range c.result.Outcomes {
		if name := string(o.Condition); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (c *profileChange) progress() (change.Progress, error) {
	p := change.Progress{State: c.state, Result: change.Result{Number: c.set.Number, Digest: c.set.Digest}}
	if c.result != nil {
		p.Result = *c.result
	}
	for _, b := range c.branches {
		p.Targets = append(p.Targets, b.progress)
	}
	return p, nil
}

// branch finds a target's branch.
func (c *profileChange) branch(target string) (*branch, error) {
	for _, b := range c.branches {
		if b.progress.Target == target {
			return b, nil
		}
	}
	return nil, temporal.NewApplicationError(fmt.Sprintf("this change has no target %q", target), ErrorNoSuchTarget)
}
