// Package tracing makes OpenTelemetry traces: of a request, through the
// workflow of its change, to each delivery. Spans name changes by their sequence
// numbers and people by their pseudonyms, and hold nothing of a profile.
//
// The standard variables configure it. It is on where one of
// OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names a
// collector, unless OTEL_SDK_DISABLED is true or OTEL_TRACES_EXPORTER is none.
package tracing

import (
	"cmp"
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// The attributes of spans.
const (
	Change  = attribute.Key("cis.change")     // sequence number of a change, or of its set
	Person  = attribute.Key("cis.person")     // pseudonym
	Target  = attribute.Key("cis.target")     // name of a target
	Outcome = attribute.Key("cis.outcome")    // of an attempt at a target
	Request = attribute.Key("cis.request_id") // X-Request-Id
	Attempt = attribute.Key("cis.attempt")    // which one it is at a target
)

// Traces are those that a process makes. Of a nil one there are none, and they
// cost nothing.
type Traces struct{ provider *sdk.TracerProvider }

// The variables that turn tracing on and off, and how it is exported.
const (
	endpointVariable       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpointVariable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	disabledVariable       = "OTEL_SDK_DISABLED"
	exporterVariable       = "OTEL_TRACES_EXPORTER"
	protocolVariable       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	tracesProtocolVariable = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"

	protocol = "http/protobuf"
)

// Start starts the traces that the variables ask for, nil where they ask for
// none. What a collector that is away does not take is dropped.
func Start(ctx context.Context, version string, variable func(string) string) (*Traces, error) {
	switch {
	case cmp.Or(variable(tracesEndpointVariable), variable(endpointVariable)) == "",
		variable(disabledVariable) == "true", variable(exporterVariable) == "none":
		return nil, nil
	}
	if kind := variable(exporterVariable); kind != "" && kind != "otlp" {
		return nil, fmt.Errorf("%s: %q is not supported: leave it out, or set it to otlp or none", exporterVariable, kind)
	}
	for _, name := range []string{tracesProtocolVariable, protocolVariable} {
		if given := variable(name); given != "" && given != protocol {
			return nil, fmt.Errorf("%s: %q is not supported: leave it out, or set it to %s and the endpoint to the collector's port for that, such as 4318", name, given, protocol)
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return start(ctx, version, sdk.NewBatchSpanProcessor(discreet{exporter}))
}

func start(ctx context.Context, version string, processor sdk.SpanProcessor) (*Traces, error) {
	// The variables, which come last, win.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "cis"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return &Traces{sdk.NewTracerProvider(sdk.WithSpanProcessor(processor), sdk.WithResource(about))}, nil
}

// Stop sends what has not been sent yet.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Tracer starts spans, nil where there are none.
func (t *Traces) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("cis")
}

// Interceptors carry traces through Temporal's client and workers: none where
// there are no traces.
func (t *Traces) Interceptors() ([]interceptor.ClientInterceptor, error) {
	if t == nil {
		return nil, nil
	}
	traced, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.provider.Tracer("temporal"), TextMapPropagator: propagation.TraceContext{},
		// Baggage is the clients' words, and would be kept in histories.
		DisableBaggage: true,
		// Probes and readers of progress would be most of the spans of a change.
		DisableQueryTracing: true,
		// A trace that cannot be read must not keep a change from being carried out.
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return []interceptor.ClientInterceptor{traced}, nil
}
