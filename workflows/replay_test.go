package workflows_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"cis/payload"
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
	// They were written in the clear, and are read so also where all is encrypted now.
	ring, err := payload.NewKeyring("one", map[string][]byte{"one": make([]byte, payload.KeySize)})
	require.NoError(t, err)
	for name, codec := range map[string]converter.PayloadCodec{"in the clear": nil, "encrypting": payload.NewCodec(ring)} {
		t.Run(name, func(t *testing.T) { requireTaken(t, files, workflows.NewConverters(codec)) })
	}
}

func requireTaken(t *testing.T, files []string, converters workflows.Converters) {
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: converters.Data, FailureConverter: converters.Failures,
	})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
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
		})
	}
}
