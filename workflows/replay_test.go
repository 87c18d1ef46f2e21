package workflows_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"cis/payload"
	"cis/tracing"
	"cis/workflows"
)

// histories are what real servers have recorded of changes, a folder for each
// version of the workflow: a worker of this version must be able to take each
// of them over, at any point. To record those of this version:
//
//	CIS_RECORD=$PWD/workflows/testdata/histories/2 go test ./e2e -run HistoriesReplay
const histories = "testdata/histories"

func TestWorkersTakeRecordedChangesOver(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	// They were written in the clear and without traces, and are taken over where
	// both are otherwise now.
	ring, err := payload.NewKeyring("one", map[string][]byte{"one": make([]byte, payload.KeySize)})
	require.NoError(t, err)
	for name, replayer := range map[string]worker.WorkflowReplayer{
		"in the clear, without traces": newReplayer(t, nil, nil),
		"encrypting, with traces":      newReplayer(t, payload.NewCodec(ring), traced(t)),
	} {
		for _, file := range files {
			t.Run(name+": "+filepath.Base(file), func(t *testing.T) { replay(t, replayer, file) })
		}
	}
}

// traced are the interceptors of a worker that makes traces.
func traced(t *testing.T) (all []interceptor.WorkerInterceptor) {
	collector := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	traces, err := tracing.Start(t.Context(), "test", os.Getenv)
	require.NoError(t, err)
	require.NotNil(t, traces)
	t.Cleanup(func() { _ = traces.Stop(context.Background()) })
	interceptors, err := traces.Interceptors()
	require.NoError(t, err)
	for _, one := range interceptors {
		all = append(all, one.(interceptor.WorkerInterceptor))
	}
	require.NotEmpty(t, all)
	return all
}

func newReplayer(t *testing.T, codec converter.PayloadCodec, interceptors []interceptor.WorkerInterceptor) worker.WorkflowReplayer {
	converters := workflows.NewConverters(codec)
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: converters.Data, FailureConverter: converters.Failures, Interceptors: interceptors,
	})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	return replayer
}

func replay(t *testing.T, replayer worker.WorkflowReplayer, file string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var whole historypb.History
	require.NoError(t, protojson.Unmarshal(text, &whole))
	require.NoError(t, replayer.ReplayWorkflowHistory(nil, &whole))
	// A worker that was replaced in mid-change: everything up to each
	// completed workflow task.
	for i, event := range whole.Events {
		if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED && i > 2 {
			part := &historypb.History{Events: whole.Events[:i+1]}
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, part), "up to event %d", i+1)
		}
	}
}
