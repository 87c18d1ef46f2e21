package temporal_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"cis/cmd/cis-dev/temporal"
)

var mood = sdktemporal.NewSearchAttributeKeyKeyword("Mood")

func options(t *testing.T, file string) temporal.Options {
	return temporal.Options{
		DataFile: file, Frontend: "127.0.0.1:0", UI: "127.0.0.1:0", Namespace: "test", Retention: 72 * time.Hour,
		SearchAttributes: map[string]enumspb.IndexedValueType{"Mood": enumspb.INDEXED_VALUE_TYPE_KEYWORD},
		Logger:           slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func connect(t *testing.T, s *temporal.Server) client.Client {
	c, err := client.Dial(client.Options{HostPort: s.Frontend(), Namespace: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// greeting waits for an update and returns its argument.
func greeting(ctx workflow.Context) (string, error) {
	var said string
	if err := workflow.SetUpdateHandler(ctx, "Say", func(_ workflow.Context, words string) (string, error) {
		said = words
		return "heard " + words, nil
	}); err != nil {
		return "", err
	}
	err := workflow.Await(ctx, func() bool { return said != "" })
	return said, err
}

func TestAServerKeepsItsWorkflowsOverARestart(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "sub", "temporal.db")
	first, err := temporal.Start(ctx, options(t, file))
	require.NoError(t, err)
	c := connect(t, first)
	w := worker.New(c, "queue", worker.Options{})
	w.RegisterWorkflow(greeting)
	require.NoError(t, w.Start())

	start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: "greeting", TaskQueue: "queue", WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes: sdktemporal.NewSearchAttributes(mood.ValueSet("sunny")),
	}, greeting)
	handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: "greeting", UpdateName: "Say", Args: []any{"hello"}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	require.NoError(t, err)
	var heard string
	require.NoError(t, handle.Get(ctx, &heard))
	require.Equal(t, "heard hello", heard)
	requireListed(t, c)
	requireServed(t, first.UIURL()+"/")
	requireServed(t, first.UIURL()+"/api/v1/namespaces")

	w.Stop()
	first.Stop()
	second, err := temporal.Start(ctx, options(t, file))
	require.NoError(t, err)
	defer second.Stop()
	c = connect(t, second)
	var said string
	require.NoError(t, c.GetWorkflow(ctx, "greeting", "").Get(ctx, &said))
	require.Equal(t, "hello", said)
	requireListed(t, c)
}

// requireListed waits until the workflow is found by its search attribute.
func requireListed(t *testing.T, c client.Client) {
	require.Eventually(t, func() bool {
		found, err := c.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: `Mood = "sunny"`})
		return err == nil && len(found.GetExecutions()) == 1
	}, 10*time.Second, 20*time.Millisecond)
}

func requireServed(t *testing.T, url string) {
	require.Eventually(t, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond, url)
}

func TestSearchAttributesThatAnOlderFileLacksAreAdded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.db")
	o := options(t, file)
	o.UI = ""
	o.SearchAttributes = nil
	first, err := temporal.Start(context.Background(), o)
	require.NoError(t, err)
	first.Stop()
	second, err := temporal.Start(context.Background(), options(t, file))
	require.NoError(t, err)
	defer second.Stop()
	_, err = connect(t, second).ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{
		TaskQueue: "queue", TypedSearchAttributes: sdktemporal.NewSearchAttributes(mood.ValueSet("sunny")),
	}, greeting)
	require.NoError(t, err)
}

func TestWhatCannotStartSaysWhyInALine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "occupied")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, test := range map[string]struct {
		change func(*temporal.Options)
		says   string
	}{
		"a frontend port in use":  {func(o *temporal.Options) { o.Frontend = busy.Addr().String() }, "address already in use"},
		"a UI port in use":        {func(o *temporal.Options) { o.UI = busy.Addr().String() }, "address already in use"},
		"a folder that is a file": {func(o *temporal.Options) { o.DataFile = filepath.Join(file, "temporal.db") }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, filepath.Join(t.TempDir(), "temporal.db"))
			test.change(&o)
			_, err := temporal.Start(context.Background(), o)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, 1, len(strings.Split(err.Error(), "\n")))
		})
	}
}
