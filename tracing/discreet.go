package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// discreet exports spans without the texts of the errors that they ended with:
// a receiver's answer or a panic may repeat what it was sent. What went wrong is
// in Temporal.
type discreet struct{ sdk.SpanExporter }

func (d discreet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	shown := make([]sdk.ReadOnlySpan, len(spans))
	for i, s := range spans {
		shown[i] = span{s}
	}
	return d.SpanExporter.ExportSpans(ctx, shown)
}

type span struct{ sdk.ReadOnlySpan }

func (s span) Status() sdk.Status { return sdk.Status{Code: s.ReadOnlySpan.Status().Code} }

// told is what is told of an event: of an error its type.
const told = attribute.Key("exception.type")

func (s span) Events() []sdk.Event {
	var events []sdk.Event
	for _, e := range s.ReadOnlySpan.Events() {
		var attributes []attribute.KeyValue
		for _, a := range e.Attributes {
			if a.Key == told {
				attributes = append(attributes, a)
			}
		}
		e.Attributes = attributes
		events = append(events, e)
	}
	return events
}
