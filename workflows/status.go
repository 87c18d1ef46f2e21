package workflows

import (
	"context"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"cis/change"
)

// Status is the progress of a change with what only Temporal knows: whom it is
// about, and how its running attempts fare.
type Status struct {
	change.Progress
	// Person is the pseudonym of whom the change is about.
	Person string
}

// Status returns the state of a change, ErrNoSuchChange where Temporal does not
// have it (any more). While the workflow cannot be asked, its set's state and
// the person are all there is.
func (s *Submitter) Status(ctx context.Context, n change.Number) (Status, error) {
	described, err := s.Client.DescribeWorkflowExecution(ctx, ID(n), "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return Status{}, ErrNoSuchChange
	}
	if err != nil {
		return Status{}, err
	}
	var status Status
	var persons []string
	fields := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	for name, into := range map[string]any{SearchPerson.GetName(): &persons, SearchState.GetName(): &status.State} {
		if payload, ok := fields[name]; ok {
			if err := converter.GetDefaultDataConverter().FromPayload(payload, into); err != nil {
				return Status{}, err
			}
		}
	}
	if n.Index() >= len(persons) {
		return Status{}, ErrNoSuchChange
	}
	status.Person = persons[n.Index()]
	if progress, err := s.progress(ctx, n); err == nil {
		status.Progress = progress.Of(n.Index())
	} else if ctx.Err() != nil {
		return Status{}, err
	}
	switch described.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		if status.State != change.Abandoned {
			status.State = change.Ended
		}
	}
	s.addAttempts(status.Targets, described)
	return status, nil
}

// patience is how long Status waits for the workflow itself to tell its
// progress. It cannot while no worker is there, nor while a step of the
// integration runs, which takes long when the vault is away.
const patience = 2 * time.Second

func (s *Submitter) progress(ctx context.Context, n change.Number) (p change.Progress, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := s.Client.QueryWorkflow(ctx, ID(n), "", QueryProgress)
	if err != nil {
		return p, err
	}
	return p, answer.Get(&p)
}

// addAttempts tells of each pending target how often it has been tried and
// what went wrong last.
func (s *Submitter) addAttempts(targets []change.TargetProgress, described *workflowservice.DescribeWorkflowExecutionResponse) {
	for _, running := range described.GetPendingActivities() {
		for i := range targets {
			if targets[i].Target == running.GetActivityId() && targets[i].State == change.Pending {
				targets[i].Attempts += int(running.GetAttempt())
				targets[i].Reason = s.message(running.GetLastFailure())
			}
		}
	}
}

// message is what a failure says, "" for none.
func (s *Submitter) message(failure *failurepb.Failure) string {
	converter.DecodeCommonFailureAttributes(s.Data, failure)
	return strings.TrimSpace(failure.GetMessage())
}

// Ping tells whether Temporal can be reached.
func (s *Submitter) Ping(ctx context.Context) error {
	_, err := s.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}
