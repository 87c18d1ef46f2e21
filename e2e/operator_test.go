package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"cis/change"
	"cis/payload"
	"cis/profile"
	"cis/workflows"
)

// temporalClient is what an operator has.
func (p *process) temporalClient() client.Client { return p.dial(p.converters()) }

// converters are those of the process, with its keys.
func (p *process) converters() workflows.Converters {
	keys, err := payload.ReadKeyFile(p.keyFile())
	require.NoError(p.t, err)
	return workflows.NewConverters(payload.NewCodec(keys))
}

// keyFile has the keys that histories are encrypted with.
func (p *process) keyFile() string { return filepath.Join(p.data, "payload-keys.json") }

func (p *process) dial(converters workflows.Converters) client.Client {
	c, err := client.Dial(client.Options{
		HostPort: p.temporal, DataConverter: converters.Data, FailureConverter: converters.Failures,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(p.t, err)
	p.t.Cleanup(c.Close)
	return c
}

// search returns the ids of the workflows that a query finds, when there are
// as many as expected.
func search(t *testing.T, c client.Client, query string, expected int) []string {
	var ids []string
	require.Eventually(t, func() bool {
		found, err := c.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		require.NoError(t, err)
		ids = nil
		for _, e := range found.GetExecutions() {
			ids = append(ids, e.GetExecution().GetWorkflowId())
		}
		return len(ids) == expected
	}, 20*time.Second, 50*time.Millisecond, query)
	return ids
}

// decide sends an update to a change and returns its answer.
func decide(c client.Client, id, update string, argument any) (change.TargetProgress, error) {
	var answer change.TargetProgress
	handle, err := c.UpdateWorkflow(context.Background(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: update, Args: []any{argument}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(context.Background(), &answer)
	}
	return answer, err
}

func TestOperatorsFindAndMendWhatIsStuck(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	hook.answer(http.StatusBadRequest)
	p := start(t, "--webhook", "payroll="+hook.address)
	c := p.temporalClient()

	var numbers []string
	for i := range 2 {
		r := p.post(p.newcomer(fmt.Sprint("email|p", i)))
		require.Equal(t, http.StatusOK, r.status, r.text)
		numbers = append(numbers, r.body["sequence_number"].(string))
	}
	for i, number := range numbers {
		status := p.await(number, "NeedsAttention")
		hooked := status.body["targets"].([]any)[1].(map[string]any)
		require.Equal(t, "parked", hooked["state"])
		require.Contains(t, hooked["reason"], "400")
		require.NotNil(t, p.entry(fmt.Sprint("email|p", i)), "the directory does not wait for the receiver")
	}
	search(t, c, `CisState = "NeedsAttention"`, 2)
	first := workflows.ID(change.Number(numbers[0]))
	require.Equal(t, []string{first}, search(t, c,
		fmt.Sprintf(`CisPerson = "%s"`, profile.PersonUUID(p.salt(), "email|p0")), 1))
	search(t, c, `CisPublisher = "ldap" AND CisCondition = "create"`, 2)

	for name, test := range map[string]struct {
		update   string
		argument any
		kind     string
	}{
		"a retry of what is not parked": {workflows.UpdateRetry, "ldap", workflows.ErrorNotParked},
		"a retry of what is no target":  {workflows.UpdateRetry, "webhook/nobody", workflows.ErrorNoSuchTarget},
		"a skip without a reason":       {workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/payroll"}, workflows.ErrorNoReason},
	} {
		_, err := decide(c, first, test.update, test.argument)
		refused, ok := errors.AsType[*temporal.ApplicationError](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Equal(t, test.kind, refused.Type(), name)
	}
	hook.answer(0)
	answer, err := decide(c, first, workflows.UpdateRetry, "webhook/payroll")
	require.NoError(t, err)
	require.Equal(t, change.Pending, answer.State)
	_, err = decide(c, workflows.ID(change.Number(numbers[1])), workflows.UpdateSkip,
		workflows.SkipRequest{Target: "webhook/payroll", Reason: "they have it from us by phone"})
	require.NoError(t, err)
	p.await(numbers[0], "Completed")
	skipped := p.await(numbers[1], "Completed").body["targets"].([]any)[1].(map[string]any)
	require.Equal(t, "skipped", skipped["state"])
	require.Equal(t, "they have it from us by phone", skipped["reason"])
	require.Len(t, hook.accepted(), 1)
	search(t, c, `CisState = "NeedsAttention"`, 0)
	search(t, c, `CisState = "Completed"`, 2)
}
