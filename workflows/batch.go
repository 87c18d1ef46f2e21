package workflows

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"cis/change"
)

// Part is a held set of a batch, as Hold has taken it.
type Part struct {
	number change.Number
	digest string
}

// Hold hands a held set to Temporal and waits until it is verified. Its result
// has rejections, or outcomes where the same set was stored before, or neither:
// then the set waits for Release. ErrKeyReused and ErrUnavailable as Submit;
// what was not taken or not verified in time is ErrUnavailable.
func (s *Submitter) Hold(ctx context.Context, set change.Set) (Part, change.Result, error) {
	part := Part{set.Number, set.Digest}
	result, err := s.start(ctx, set, UpdateVerified)
	if err == nil {
		return part, result, nil
	}
	result, err = s.explain(ctx, set, err)
	if errors.Is(err, ErrPending) {
		err = ErrUnavailable // verification takes too long
	}
	return part, result, err
}

// Released is a set that will be stored.
type Released struct {
	handle client.WorkflowUpdateHandle
	part   Part
	s      *Submitter
}

// Release lets a held set be stored. Once it has returned without an error,
// the set will be stored, whatever becomes of the caller; unless it has given
// itself up by then, which Result tells.
func (s *Submitter) Release(ctx context.Context, p Part) (*Released, error) {
	handle, err := s.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   ID(p.number),
		UpdateName:   UpdateRelease,
		Args:         []any{p.digest},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if _, ended := errors.AsType[*serviceerror.NotFound](err); ended {
		return &Released{part: p, s: s}, nil // completed before: Result tells
	}
	if err != nil {
		return nil, err
	}
	return &Released{handle, p, s}, nil
}

// Result waits until the set is stored. ErrPending when ctx ends first.
func (r *Released) Result(ctx context.Context) (result change.Result, err error) {
	if r.handle != nil {
		err = r.handle.Get(ctx, &result)
	} else {
		result, err = r.s.finished(ctx, r.part.number)
	}
	if err != nil && ctx.Err() != nil {
		err = ErrPending
	}
	return result, err
}

// Abandon gives a held set up, unless it was released. It is no loss if that
// fails: the set then gives itself up.
func (s *Submitter) Abandon(ctx context.Context, p Part) error {
	return s.Client.SignalWorkflow(ctx, ID(p.number), "", SignalAbandon, p.digest)
}
