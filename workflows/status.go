package workflows

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"cis/change"
)

// Status is the progress of a change set with what only Temporal knows: whom
// it is about, and how its running attempts fare.
type Status struct {
	change.Progress
	// Persons are the pseudonyms of the set's people.
	Persons []string
}

// Status returns the state of the set that a change belongs to,
// ErrNoSuchChange where Temporal does not have it (any more).
func (s *Submitter) Status(ctx context.Context, n change.Number) (Status, error) {
	described, err := s.Client.DescribeWorkflowExecution(ctx, ID(n), "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return Status{}, ErrNoSuchChange
	}
	if err != nil {
		return Status{}, err
	}
	answer, err := s.Client.QueryWorkflow(ctx, ID(n), "", QueryProgress)
	if err != nil {
		return Status{}, err
	}
	var status Status
	if err := answer.Get(&status.Progress); err != nil {
		return Status{}, err
	}
	fields := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	if persons, ok := fields[SearchPerson.GetName()]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(persons, &status.Persons); err != nil {
			return Status{}, err
		}
	}
	addAttempts(status.Targets, described)
	return status, nil
}

// addAttempts tells of each pending target how often it has been tried and
// what went wrong last.
func addAttempts(targets []change.TargetProgress, described *workflowservice.DescribeWorkflowExecutionResponse) {
	for _, running := range described.GetPendingActivities() {
		for i := range targets {
			if targets[i].Target == running.GetActivityId() && targets[i].State == change.Pending {
				targets[i].Attempts += int(running.GetAttempt())
				targets[i].Reason = strings.TrimSpace(running.GetLastFailure().GetMessage())
			}
		}
	}
}

// Ping tells whether Temporal can be reached.
func (s *Submitter) Ping(ctx context.Context) error {
	_, err := s.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}
