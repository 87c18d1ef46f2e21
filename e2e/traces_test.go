package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"cis/change"
	"cis/workflows"
)

// collector takes spans as an OpenTelemetry collector does, by OTLP over HTTP.
type collector struct {
	server *httptest.Server
	mu     sync.Mutex
	taken  []*collectorpb.ExportTraceServiceRequest
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collectorpb.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.taken = append(c.taken, request)
	}))
	t.Cleanup(c.server.Close)
	return c
}

// env turns a process's traces on.
func (c *collector) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.server.URL, "OTEL_TRACES_SAMPLER=parentbased_always_on"}
}

// text is all that was taken.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all strings.Builder
	for _, request := range c.taken {
		all.WriteString(protojson.Format(request) + "\n")
	}
	return all.String()
}

// trace returns a trace's spans, by their ids.
func (c *collector) trace(id string) map[string]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := map[string]*tracepb.Span{}
	for _, request := range c.taken {
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					if hex.EncodeToString(span.GetTraceId()) == id {
						spans[hex.EncodeToString(span.GetSpanId())] = span
					}
				}
			}
		}
	}
	return spans
}

func attributes(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetStringValue()
		for _, one := range a.GetValue().GetArrayValue().GetValues() {
			all[a.GetKey()] += one.GetStringValue()
		}
	}
	return all
}

func (o *observed) tracesHangTogether(t *testing.T) {
	spans := o.collector.trace(observedTrace)
	named := map[string]*tracepb.Span{}
	for _, span := range spans {
		named[span.GetName()] = span
	}
	request, delivery := named["POST /v2/user"], named["RunActivity:DeliverToWebhook"]
	require.NotNil(t, request, "%v", named)
	require.NotNil(t, delivery, "%v", named)
	require.Equal(t, "00f067aa0ba902b7", hex.EncodeToString(request.GetParentSpanId()), "the client's")
	require.Equal(t, o.created, attributes(request)["cis.change"])
	require.Equal(t, o.person, attributes(request)["cis.person"])
	require.Equal(t, observedRequest, attributes(request)["cis.request_id"])

	told := attributes(delivery)
	require.Equal(t, []string{o.created, o.person, "webhook/payroll", "done"},
		[]string{told["cis.change"], told["cis.person"], told["cis.target"], told["cis.outcome"]})
	above := delivery
	for above != request {
		parent := spans[hex.EncodeToString(above.GetParentSpanId())]
		require.NotNil(t, parent, "%s hangs in the air", above.GetName())
		above = parent
	}
	require.NotNil(t, named["RunWorkflow:ProfileChange"])
	require.NotNil(t, named["RunActivity:PublishToDirectory"])
	require.Equal(t, "00-"+observedTrace+"-"+hex.EncodeToString(delivery.GetSpanId())+"-01", o.hook.accepted()[0].trace, "the receiver can go on with it")

	converters := o.converters()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: converters.Data, FailureConverter: converters.Failures,
	})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	require.NoError(t, replayer.ReplayWorkflowHistory(nil, history(t, o.temporalClient(), change.Number(o.created))), "also where traces are not made any more")
}
