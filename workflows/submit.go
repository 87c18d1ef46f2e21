package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"cis/change"
	"cis/profile"
)

// Submitter hands change sets to Temporal.
type Submitter struct {
	Client client.Client
	// Data is the client's converter: what Temporal tells of running activities
	// is read with it.
	Data converter.DataConverter
	// Salt derives the pseudonyms that changes are found by.
	Salt string
}

var (
	// ErrPending: the set is durable, and will be carried out, but was not
	// integrated within the time that the caller had.
	ErrPending = errors.New("the change was accepted and is being carried out")
	// ErrUnavailable: nobody can say that the set was taken. Submitting it
	// again does no harm: what is stored already is a no-op, and under an
	// idempotency key it is the same change.
	ErrUnavailable = errors.New("changes cannot be taken now")
	// ErrKeyReused: the idempotency key belongs to a set of another content.
	ErrKeyReused = errors.New("the idempotency key was used before, for another content")
	// ErrNoSuchChange: Temporal keeps no change of that number.
	ErrNoSuchChange = errors.New("no such change")
)

// memoDigest is the memo that holds the request's digest.
const memoDigest = "digest"

// lookup is how long Submit asks what became of a set after its caller's time
// is over.
const lookup = 2 * time.Second

// Submit starts the set's workflow, or joins it where the set was submitted
// before, and waits until it is stored or refused. When ctx ends first the
// error says whether the set was taken: ErrPending or ErrUnavailable.
func (s *Submitter) Submit(ctx context.Context, set change.Set) (change.Result, error) {
	result, err := s.start(ctx, set, UpdateIntegrated)
	if err != nil {
		return s.explain(ctx, set, err)
	}
	return result, nil
}

// start starts the set's workflow, or joins it, and waits for an update.
func (s *Submitter) start(ctx context.Context, set change.Set, update string) (result change.Result, err error) {
	id := ID(set.Number)
	handle, err := s.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.Client.NewWithStartWorkflowOperation(s.options(id, set), ProfileChange, set),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID:   id,
			UpdateName:   update,
			Args:         []any{set.Digest},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return result, err
	}
	return result, handle.Get(ctx, &result)
}

func (s *Submitter) options(id string, set change.Set) client.StartWorkflowOptions {
	persons, publishers := s.persons(set), publishers(set)
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                ChangeQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		// One that somebody has ended, or that was abandoned, may be submitted anew.
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		// The workflow itself may be too busy to tell whose it is.
		Memo: map[string]any{memoDigest: set.Digest},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			SearchPerson.ValueSet(persons),
			SearchPublisher.ValueSet(publishers),
			SearchState.ValueSet(string(change.Integrating)),
		),
	}
}

// persons are the pseudonyms of the set's people.
func (s *Submitter) persons(set change.Set) []string {
	persons := make([]string, len(set.Changes))
	for i, c := range set.Changes {
		persons[i] = s.Person(c.UserID)
	}
	return persons
}

// Person is the pseudonym that a person's changes are found by.
func (s *Submitter) Person(userID string) string { return profile.PersonUUID(s.Salt, userID).String() }

// publishers are those whom the set's attributes name as their signers, as far
// as they are publishers at all: nothing else of a profile becomes searchable.
func publishers(set change.Set) []string {
	names := []string{}
	for _, c := range set.Changes {
		p, err := profile.Parse(c.Profile)
		if err != nil {
			continue
		}
		for _, a := range p.Attributes() {
			if a.IsNull() {
				continue
			}
			name := a.Publisher()
			if slices.Contains(profile.Publishers, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// explain finds out what became of a set whose submission ended with err.
func (s *Submitter) explain(ctx context.Context, set change.Set, err error) (change.Result, error) {
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		switch refused.Type() {
		case ErrorKeyReused:
			return change.Result{}, ErrKeyReused
		case ErrorAbandoned:
			return change.Result{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookup)
	defer cancel()
	described, lookupErr := s.Client.DescribeWorkflow(after, ID(set.Number), "")
	if lookupErr != nil {
		return change.Result{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var digest string
	if err := described.GetMemoValue(memoDigest, &digest); err != nil {
		return change.Result{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case digest != set.Digest:
		return change.Result{}, ErrKeyReused
	case described.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return change.Result{}, ErrPending
	case described.Status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return s.finished(after, set.Number)
	}
	return change.Result{}, fmt.Errorf("%w: somebody has ended this one (%s)", ErrUnavailable, described.Status)
}

// finished returns the result of a set whose workflow has completed.
func (s *Submitter) finished(ctx context.Context, n change.Number) (change.Result, error) {
	var result change.Result
	err := s.Client.GetWorkflow(ctx, ID(n), "").Get(ctx, &result)
	return result, err
}
