package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"cis/change"
	"cis/workflows"
)

// history is what Temporal has recorded of a change.
func history(t *testing.T, c client.Client, number any) *historypb.History {
	h := &historypb.History{}
	events := c.GetWorkflowHistory(context.Background(), workflows.ID(change.Number(fmt.Sprint(number))), "", false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// shapes carries out a change of each kind and returns their histories, and
// what reads them.
func shapes(t *testing.T, args ...string) (map[string]*historypb.History, workflows.Converters) {
	badges, payroll := newReceiver(t), newReceiver(t)
	p := start(t, append(args, "--allow-delete", "--webhook", "badges="+badges.address, "--webhook", "payroll="+payroll.address)...)
	c := p.temporalClient()
	recorded := map[string]*historypb.History{}
	last := func() any {
		found := search(t, c, `CisState = "Rejected" OR CisCondition = "noop"`, len(recorded))
		return found[0][len("change/"):]
	}
	refused := p.post(p.signed("mozilliansorg", ada))
	require.Equal(t, http.StatusForbidden, refused.status)
	recorded["rejected"] = nil
	recorded["rejected"] = history(t, c, last())

	completed := p.post(p.newcomer(ada))
	p.await(completed.body["sequence_number"], "Completed")
	require.Equal(t, "noop", p.post(p.newcomer(ada)).body["condition"])
	recorded["noop"] = nil
	recorded["noop"] = history(t, c, last())
	recorded["completed"] = history(t, c, completed.body["sequence_number"])

	payroll.answer(http.StatusInternalServerError)
	parked := p.post(p.signed("mozilliansorg", ada, value{"first_name", "Augusta", "public"})).body["sequence_number"]
	p.await(parked, "NeedsAttention")
	id := workflows.ID(change.Number(fmt.Sprint(parked)))
	_, err := decide(c, id, workflows.UpdateRetry, "webhook/payroll")
	require.NoError(t, err)
	p.await(parked, "NeedsAttention")
	recorded["parked"] = history(t, c, parked)
	_, err = decide(c, id, workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/payroll", Reason: "gone"})
	require.NoError(t, err)
	p.await(parked, "Completed")
	recorded["skipped"] = history(t, c, parked)
	payroll.answer(0)
	recorded["conflict"] = conflict(t, p, c)

	bodies := p.members(change.MaxSetSize + 2)
	require.Equal(t, http.StatusForbidden, p.batch(append(bodies, p.signed("mozilliansorg", "email|x"))).status)
	recorded["abandoned"] = history(t, c, search(t, c, `CisState = "Abandoned"`, 1)[0][len("change/"):])
	for name, number := range map[string]string{
		"several":  numbers(p.batch(bodies[:3]), "creates")[0],
		"released": numbers(p.batch(bodies), "creates")[0],
	} {
		p.await(number, "Completed")
		recorded[name] = history(t, c, number)
	}
	require.Equal(t, http.StatusOK, p.must(http.MethodDelete, "/v2/user", p.token(), p.newcomer(ada)).status)
	recorded["deleted"] = history(t, c, search(t, c, `CisCondition = "delete"`, 1)[0][len("change/"):])
	return recorded, p.converters()
}

// conflict is the history of a change that another one came in between of.
func conflict(t *testing.T, p *process, c client.Client) *historypb.History {
	token := p.token()
	for range 20 {
		bodies := make([][]byte, 12)
		for i := range bodies {
			bodies[i] = p.signed("mozilliansorg", ada, value{"fun_title", fmt.Sprint("Countess ", i), "public"})
		}
		replies := make([]reply, len(bodies))
		var all sync.WaitGroup
		for i := range bodies {
			all.Go(func() { replies[i], _ = p.call(http.MethodPost, "/v2/user", token, bodies[i]) })
		}
		all.Wait()
		for _, r := range replies {
			if r.body["sequence_number"] == nil {
				continue
			}
			p.await(r.body["sequence_number"], "Completed")
			h := history(t, c, r.body["sequence_number"])
			steps := 0
			for _, event := range h.Events {
				if event.EventType == enumspb.EVENT_TYPE_MARKER_RECORDED {
					steps++
				}
			}
			if steps > 3 { // validate, verify, store, and again
				return h
			}
		}
	}
	require.FailNow(t, "no two changes came in between each other")
	return nil
}

// TestHistoriesReplay replays what was just recorded, whole and cut off in the
// middle, as a worker does that takes a change over. With CIS_RECORD set the
// histories are kept, in the clear, for the replay tests of later versions.
func TestHistoriesReplay(t *testing.T) {
	t.Parallel()
	var args []string
	folder := os.Getenv("CIS_RECORD")
	if folder != "" {
		args = append(args, "--no-encrypt-histories")
	}
	recorded, converters := shapes(t, args...)
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: converters.Data, FailureConverter: converters.Failures,
	})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	for name, h := range recorded {
		text, err := protojson.Marshal(h)
		require.NoError(t, err)
		t.Logf("%s: %d events, %d bytes", name, len(h.Events), len(text))
		require.NoError(t, replayer.ReplayWorkflowHistory(nil, h), name)
		if folder != "" {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name+".json"), text, 0o644))
		}
		if name == "completed" {
			require.LessOrEqual(t, len(h.Events), 30, "one directory and two webhooks")
		}
	}
}
