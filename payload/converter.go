package payload

import (
	"context"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// NewDataConverter writes with parent and encodes that with the codec.
//
// Where workflow code is being run, a codec that fails stops the workflow task,
// and Temporal tries it again until the codec works: a missing key or a key
// service that is away must not fail a workflow, nor look to it like a failed
// step or a signal that never came. That a key service takes its time is no
// deadlock of the workflow.
func NewDataConverter(parent converter.DataConverter, codec converter.PayloadCodec) converter.DataConverter {
	return &dataConverter{converter.NewCodecDataConverter(parent, codec),
		workflow.DataConverterWithoutDeadlockDetection(converter.NewCodecDataConverter(parent, stopping{codec}))}
}

type dataConverter struct {
	converter.DataConverter
	inWorkflow converter.DataConverter
}

var _ workflow.ContextAware = (*dataConverter)(nil)

// WithWorkflowContext implements workflow.ContextAware.
func (c *dataConverter) WithWorkflowContext(ctx workflow.Context) converter.DataConverter {
	return c.inWorkflow.(workflow.ContextAware).WithWorkflowContext(ctx)
}

// WithContext implements workflow.ContextAware.
func (c *dataConverter) WithContext(context.Context) converter.DataConverter { return c.DataConverter }

// stopping panics where its codec fails, which is how a workflow task is
// stopped.
type stopping struct{ codec converter.PayloadCodec }

func (s stopping) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return orStop(s.codec.Encode(payloads)), nil
}

func (s stopping) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return orStop(s.codec.Decode(payloads)), nil
}

func orStop(payloads []*commonpb.Payload, err error) []*commonpb.Payload {
	if err != nil {
		panic(err)
	}
	return payloads
}
