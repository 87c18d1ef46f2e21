package service

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"cis/change"
	"cis/workflows"
)

const (
	// countEvery is how often a worker counts the changes under way, and
	// countWithin how long Temporal may take for it.
	countEvery  = 15 * time.Second
	countWithin = 5 * time.Second
)

// countOpen counts the changes under way again and again until ctx ends. Nobody
// else could: what is parked may have been so for weeks, by processes that are
// no more.
func (p *Parts) countOpen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := p.countStates(ctx); err != nil && ctx.Err() == nil {
			p.Watch.Metrics.NotKnown()
			p.log("open-changes").Warn("the changes under way cannot be counted", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(countEvery):
		}
	}
}

func (p *Parts) countStates(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	for _, state := range []change.State{change.Integrating, change.Publishing, change.NeedsAttention} {
		counted, err := p.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf("%s = %q AND ExecutionStatus = 'Running'", workflows.SearchState.GetName(), state),
		})
		if err != nil {
			return err
		}
		p.Watch.Metrics.Open(string(state), counted.GetCount())
	}
	return nil
}
