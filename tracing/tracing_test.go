package tracing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"cis/tracing"
)

const (
	parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	trail  = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// collect starts a collector, to which the standard variables lead, and returns
// what it has taken.
func collect(t *testing.T) (taken func() []*collectorpb.ExportTraceServiceRequest) {
	var mu sync.Mutex
	var all []*collectorpb.ExportTraceServiceRequest
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := &collectorpb.ExportTraceServiceRequest{}
		if proto.Unmarshal(body, request) == nil {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, request)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return func() []*collectorpb.ExportTraceServiceRequest {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func variables(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

func TestTracesAreOffUnlessTheyAreAskedFor(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"with no variable":   {},
		"where disabled":     {endpoint: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"with none for them": {endpoint: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			traces, err := tracing.Start(t.Context(), "v1", variables(set))
			require.NoError(t, err)
			require.Nil(t, traces)
			require.Nil(t, traces.Tracer())
			interceptors, err := traces.Interceptors()
			require.NoError(t, err)
			require.Empty(t, interceptors)
			require.NoError(t, traces.Stop(t.Context()))
		})
	}
}

func TestWhatIsNotSupportedIsSaidAtTheStart(t *testing.T) {
	for _, test := range []struct{ variable, value, says string }{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not supported: leave it out, or set it to http/protobuf`},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" is not supported`},
		{"OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER: "zipkin" is not supported: leave it out, or set it to otlp or none`},
	} {
		_, err := tracing.Start(t.Context(), "v1", variables(map[string]string{endpoint: "http://127.0.0.1:1", test.variable: test.value}))
		require.ErrorContains(t, err, test.says)
	}
}

func TestSpansAreExportedWithoutTheTextsOfErrors(t *testing.T) {
	taken := collect(t)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=testing")
	traces, err := tracing.Start(t.Context(), "v1.2.3", variables(map[string]string{endpoint: "set"}))
	require.NoError(t, err)
	ctx := tracing.Within(t.Context(), parent)
	ctx, span := traces.Tracer().Start(ctx, "delivery", trace.WithAttributes(tracing.Change.String("64")))
	require.Regexp(t, "^00-"+trail+"-[0-9a-f]{16}-01$", tracing.Parent(ctx))
	span.RecordError(errors.New("who is Lovelace"))
	span.SetStatus(codes.Error, "who is Lovelace")
	span.End()
	require.NoError(t, traces.Stop(context.Background()), "it sends what it has")

	require.Len(t, taken(), 1)
	text := protojson.Format(taken()[0])
	require.NotContains(t, text, "Lovelace")
	for _, says := range []string{"cis.change", "exception.type", "errorString", "v1.2.3", `"testing"`} {
		require.Contains(t, text, says)
	}
	exported := taken()[0].GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
	require.Equal(t, tracepb.Status_STATUS_CODE_ERROR, exported.GetStatus().GetCode())
}

func TestAContextThatIsInASpanStaysThere(t *testing.T) {
	ctx := tracing.Within(t.Context(), parent)
	require.Equal(t, parent, tracing.Parent(ctx))
	require.Equal(t, parent, tracing.Parent(tracing.Within(ctx, "00-11111111111111111111111111111111-2222222222222222-00")))
	require.Empty(t, tracing.Parent(tracing.Within(t.Context(), "")))
	require.Empty(t, tracing.Parent(tracing.Within(t.Context(), "gibberish")))
}
