package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// Temporal is what Temporal's SDK counts with, for itself and for workflows,
// which it does not let count when they are replayed.
func (m *Metrics) Temporal() client.MetricsHandler {
	if m == nil {
		return nil
	}
	return m.temporal
}

func newTemporal(registry prometheus.Registerer) (client.MetricsHandler, error) {
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithView(view))
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: provider.Meter("temporal"), UseMonotonicCounters: true,
	}), nil
}

// view gives what is counted its help text, and what is timed its buckets.
func view(i sdk.Instrument) (sdk.Stream, bool) {
	stream := sdk.Stream{Name: i.Name, Description: instruments[i.Name], Unit: i.Unit}
	if stream.Description == "" {
		stream.Description = "Of Temporal's SDK; newer than CIS's list of its metrics."
	}
	if i.Kind == sdk.InstrumentKindHistogram {
		stream.Aggregation = sdk.AggregationExplicitBucketHistogram{Boundaries: slow}
		if quickly[i.Name] {
			stream.Aggregation = sdk.AggregationExplicitBucketHistogram{Boundaries: quick}
		}
	}
	return stream, true
}
