package workflows

import (
	"strconv"

	"go.temporal.io/sdk/workflow"

	"cis/change"
	"cis/logs"
	"cis/metrics"
)

// What a workflow reports goes to the log and the metrics of the worker that
// runs it, and is no part of its history: the SDK leaves out what is replayed.

// report tells what was decided on each change of the set.
func (c *profileChange) report(ctx workflow.Context) {
	known := workflow.GetTypedSearchAttributes(ctx)
	persons, _ := known.GetKeywordList(SearchPerson)
	signed, _ := known.GetKeywordList(SearchPublisher)
	results := c.results()
	end := "refused"
	if len(c.result.Outcomes) > 0 {
		end = "stored"
	}
	handler, logger := workflow.GetMetricsHandler(ctx), workflow.GetLogger(ctx)
	for i, result := range results {
		handler.WithTags(map[string]string{"publisher": publisherOf(signed), "result": result}).Counter(metrics.Changes).Inc(1)
		person := ""
		if i < len(persons) {
			person = persons[i]
		}
		logger.Info("decided", logs.Change, string(c.set.Number.At(i)), logs.Person, person, logs.Request, c.set.Request,
			"result", result, "publishers", signed)
	}
	handler.WithTags(map[string]string{"result": end}).Timer(metrics.Integration).
		Record(workflow.Now(ctx).Sub(workflow.GetInfo(ctx).WorkflowStartTime))
}

// results are what became of each change: its condition, or the code of its
// rejection; "" for one that was good and is not stored, as others were not.
func (c *profileChange) results() []string {
	results := make([]string, len(c.set.Changes))
	for i, o := range c.result.Outcomes {
		results[i] = string(o.Condition)
	}
	for _, r := range c.result.Rejections {
		results[r.Index] = string(r.Code)
	}
	for i, result := range results {
		if result == "" {
			results[i] = "refused_with_others"
		}
	}
	return results
}

// publisherOf is whom a set is counted by.
func publisherOf(signed []string) string {
	switch len(signed) {
	case 0:
		return "none"
	case 1:
		return signed[0]
	}
	return "several"
}

// retried is the outcome of a branch that an operator has tried again.
const retried = "retried"

// report tells what became of a branch.
func (b *branch) report(ctx workflow.Context, outcome string) {
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"target": b.progress.Target, "outcome": outcome}).
		Counter(metrics.Targets).Inc(1)
	logger := workflow.GetLogger(ctx)
	say := logger.Info
	if outcome == string(change.Parked) {
		say = logger.Warn
	}
	say("target "+outcome, logs.Request, b.set.Request, "target", b.progress.Target, "attempts", b.progress.Attempts,
		"changes", strconv.Itoa(len(b.items)))
}

// published tells that the target has the set.
func (b *branch) published(ctx workflow.Context) {
	b.report(ctx, string(change.Published))
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"target": b.progress.Target}).Timer(metrics.Publication).
		Record(workflow.Now(ctx).Sub(b.stored))
}
