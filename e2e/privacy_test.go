package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"cis/change"
	"cis/payload"
	"cis/workflows"
)

// quackenbush is a person whose data are easy to find again.
const quackenbush = "ad|Mozilla-LDAP|zquackenbush"

// traces are what must not be found: a value of each kind.
var traces = []string{
	"zquackenbush", "Zebulonia", "Quackenbush", "zq.canary@secret.example", "canary_group_red", "Canary Wrangler",
	"no desk for Zebulonia", "told the Quackenbush family",
}

// spellings are a text and all that base64 may make of it, wherever in the
// encoded data it stands.
func spellings(text string) []string {
	all := []string{text}
	for before := range 3 {
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			encoded := alphabet.EncodeToString(append(make([]byte, before), text...))
			all = append(all, encoded[(before*8+5)/6:(before+len(text))*8/6])
		}
	}
	return all
}

// found are the traces that the data have.
func found(data []byte) []string {
	var all []string
	for _, trace := range traces {
		for _, spelling := range spellings(trace) {
			if bytes.Contains(data, []byte(spelling)) {
				all = append(all, trace)
				break
			}
		}
	}
	return all
}

// story is what happens to one person, in every phase that a change has: it
// returns the process while the last change still waits.
func story(t *testing.T, args ...string) *process {
	var status atomic.Int64
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if code := int(status.Load()); code != 0 {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "no desk for Zebulonia")
		}
	}))
	t.Cleanup(desk.Close)
	p := start(t, append(args, "--webhook", "desk="+desk.URL, "--webhook-retries", "10ms,1h")...)
	c := p.temporalClient()
	publish := func(title string) (number any) {
		r := p.post(p.signed("mozilliansorg", quackenbush, value{"fun_title", title, "public"}))
		require.Equal(t, http.StatusOK, r.status, r.text)
		return r.body["sequence_number"]
	}
	reason := func(status reply) string {
		return fmt.Sprint(status.body["targets"].([]any)[1].(map[string]any)["reason"])
	}

	created := p.post(p.signed("ldap", quackenbush, value{"login_method", "ad", "public"}, value{"active", true, ""},
		value{"first_name", "Zebulonia", "public"}, value{"last_name", "Quackenbush", "staff"},
		value{"primary_email", "zq.canary@secret.example", "ndaed"},
		value{"access_information.ldap", map[string]any{"canary_group_red": nil}, "ndaed"}))
	require.Equal(t, http.StatusOK, created.status, created.text)
	p.await(created.body["sequence_number"], "Completed")

	for name, refused := range map[string][]byte{
		"by the rules":      p.signed("ldap", quackenbush, value{"last_name", "Quackenbush II", "staff"}),
		"by the schema":     bytes.Replace(p.newcomer(quackenbush), []byte(`"public"`), []byte(`"Quackenbush"`), 1),
		"by the signatures": bytes.ReplaceAll(p.newcomer(quackenbush), []byte(`"Ada"`), []byte(`"Zebulonia Q"`)),
	} {
		r := p.post(refused)
		require.GreaterOrEqual(t, r.status, 400, "%s: %s", name, r.text)
	}

	status.Store(http.StatusBadRequest)
	skipped := publish("Canary Wrangler")
	require.Contains(t, reason(p.await(skipped, "NeedsAttention")), "no desk for Zebulonia", "the answer is shown to who may see it")
	id := workflows.ID(change.Number(fmt.Sprint(skipped)))
	_, err := decide(c, id, workflows.UpdateRetry, "webhook/desk")
	require.NoError(t, err)
	p.await(skipped, "NeedsAttention")
	_, err = decide(c, id, workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/desk", Reason: "told the Quackenbush family"})
	require.NoError(t, err)
	require.Contains(t, reason(p.await(skipped, "Completed")), "told the Quackenbush family")

	status.Store(http.StatusInternalServerError)
	waiting := publish("Canary Wrangler in chief")
	require.Eventually(t, func() bool {
		return strings.Contains(reason(p.await(waiting, "Publishing")), "no desk for Zebulonia")
	}, 20*time.Second, 50*time.Millisecond, "what a running attempt says can be read")

	members := append(p.members(change.MaxSetSize+1), p.signed("ldap", quackenbush, value{"last_name", "Quackenbush II", "staff"}))
	require.Equal(t, http.StatusForbidden, p.batch(members).status)
	search(t, c, `CisState = "Abandoned"`, 1)
	return p
}

// raw is all that Temporal tells of all changes to somebody without keys.
func raw(t *testing.T, c client.Client) (messages []proto.Message) {
	ctx := context.Background()
	listed, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 100})
	require.NoError(t, err)
	messages = append(messages, listed)
	require.GreaterOrEqual(t, len(listed.GetExecutions()), 7)
	for _, e := range listed.GetExecutions() {
		id := e.GetExecution().GetWorkflowId()
		described, err := c.DescribeWorkflowExecution(ctx, id, "")
		require.NoError(t, err)
		messages = append(messages, described, history(t, c, strings.TrimPrefix(id, "change/")))
	}
	return messages
}

// shown is how a message is written and sent.
func shown(t *testing.T, m proto.Message) []byte {
	text, err := protojson.Marshal(m)
	require.NoError(t, err)
	wire, err := proto.Marshal(m)
	require.NoError(t, err)
	return append(text, wire...)
}

// files are the bytes of all that the Temporal server keeps.
func (p *process) files() []byte {
	names, err := filepath.Glob(filepath.Join(p.data, "temporal.db*"))
	require.NoError(p.t, err)
	require.NotEmpty(p.t, names)
	var all []byte
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(p.t, err)
		all = append(all, content...)
	}
	return all
}

func TestTemporalHoldsNothingPersonalInTheClear(t *testing.T) {
	t.Parallel()
	p := story(t)
	c := p.dial(workflows.NewConverters(nil))
	for _, m := range raw(t, c) {
		require.Empty(t, found(shown(t, m)), "%s", m.ProtoReflect().Descriptor().Name())
		requireEncrypted(t, m)
	}
	require.Empty(t, found(p.files()), "in the server's files while it runs")
	p.stop()
	files := p.files()
	require.Contains(t, string(files), "CisPerson", "these are the files")
	require.Empty(t, found(files), "in the server's files")
}

// Without encryption everything is found: the test above looks in the right
// places, with eyes that see.
func TestWithoutEncryptionTemporalHoldsEverything(t *testing.T) {
	t.Parallel()
	p := story(t, "--no-encrypt-histories")
	var all []byte
	for _, m := range raw(t, p.dial(workflows.NewConverters(nil))) {
		all = append(all, shown(t, m)...)
	}
	require.Equal(t, traces, found(all))
	p.stop()
	require.Equal(t, traces, found(p.files()))
}

// requireEncrypted requires it of every payload and every failure of a message,
// but for search attributes.
func requireEncrypted(t *testing.T, m proto.Message) {
	require.NoError(t, proxy.VisitPayloads(context.Background(), m, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, one := range payloads {
				require.Equal(t, payload.Encoding, string(one.GetMetadata()[converter.MetadataEncoding]), "%s", one)
			}
			return payloads, nil
		},
	}))
	require.NoError(t, proxy.VisitFailures(context.Background(), m, proxy.VisitFailuresOptions{
		Visitor: func(_ *proxy.VisitFailuresContext, failure *failurepb.Failure) error {
			require.Equal(t, "Encoded failure", failure.GetMessage())
			require.Empty(t, failure.GetStackTrace())
			return nil
		},
	}))
}

// parkedChange is a change that waits for an operator.
func parkedChange(p *process, desk *receiver) (number string) {
	desk.answer(http.StatusBadRequest)
	r := p.post(p.newcomer(quackenbush))
	require.Equal(p.t, http.StatusOK, r.status, r.text)
	number = fmt.Sprint(r.body["sequence_number"])
	p.await(number, "NeedsAttention")
	desk.answer(0)
	return number
}

// finish lets a parked change be tried again, which must end it.
func finish(p *process, number string) {
	_, err := decide(p.temporalClient(), workflows.ID(change.Number(number)), workflows.UpdateRetry, "webhook/desk")
	require.NoError(p.t, err)
	p.await(number, "Completed")
}

func TestOpenChangesGoOnWhenEncryptionIsSwitchedOnAndOff(t *testing.T) {
	t.Parallel()
	desk := newReceiver(t)
	const off = "--no-encrypt-histories"
	p := start(t, off, "--webhook", "desk="+desk.address)
	with := func(args ...string) {
		p.stop()
		p.args = append([]string{"--no-samples", "--webhook", "desk=" + desk.address}, args...)
		p.start()
	}
	before := parkedChange(p, desk)
	with()
	finish(p, before)
	desk.answer(http.StatusBadRequest)
	r := p.post(p.signed("mozilliansorg", quackenbush, value{"fun_title", "x", "public"}))
	p.await(r.body["sequence_number"], "NeedsAttention")
	desk.answer(0)
	with(off)
	finish(p, fmt.Sprint(r.body["sequence_number"]))
}

func TestAKeyThatIsMissingHoldsAChangeUpAndLosesNothing(t *testing.T) {
	t.Parallel()
	desk := newReceiver(t)
	p := start(t, "--webhook", "desk="+desk.address)
	number := parkedChange(p, desk)
	p.stop()
	keys, err := os.ReadFile(p.keyFile())
	require.NoError(t, err)
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, payload.KeySize))
	require.NoError(t, os.WriteFile(p.keyFile(), []byte(`{"active":"another","keys":{"another":"`+secret+`"}}`), 0o600))
	p.start()
	c := p.temporalClient()
	id := workflows.ID(change.Number(number))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.UpdateRetry, Args: []any{"webhook/desk"}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.Error(t, err, "nobody can carry it out")
	described, err := c.DescribeWorkflow(context.Background(), id, "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, described.Status, "it has not failed")
	log, err := os.ReadFile(filepath.Join(p.data, "cis-dev.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "is not among the keys of this process", "operators are told")
	p.stop()

	whole := strings.Replace(string(keys), `"keys": {`, `"keys": {"another": "`+secret+`",`, 1)
	require.NoError(t, os.WriteFile(p.keyFile(), []byte(whole), 0o600))
	p.start()
	finish(p, number)
}
