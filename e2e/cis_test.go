package e2e

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"cis/activities"
	"cis/api"
	"cis/change"
	"cis/internal/freeport"
	"cis/workflows"
)

// nested is settings by their names as a file has them.
func nested(settings map[string]any) map[string]any {
	root := map[string]any{}
	for name, value := range settings {
		path := strings.Split(name, ".")
		group := root
		for _, part := range path[:len(path)-1] {
			if group[part] == nil {
				group[part] = map[string]any{}
			}
			group = group[part].(map[string]any)
		}
		group[path[len(path)-1]] = value
	}
	return root
}

func TestOperatorsProgramHasNoTemporalServerInIt(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "cis/cmd/cis").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "go.temporal.io/sdk/client\n")
	require.NotContains(t, string(out), "go.temporal.io/server")
	require.NotContains(t, string(out), "cis/cmd/cis-dev")
}

func TestAChangeTravelsThroughProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hook := newReceiver(t)
	worker := s.start("worker", map[string]any{"webhooks.subscriptions": []any{"badges=" + hook.address}})
	p := s.start("api", nil)
	r := p.post(p.newcomer(ada), "traceparent", "00-"+observedTrace+"-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusOK, r.status, r.text)
	status := p.await(r.body["sequence_number"], "Completed")
	require.Len(t, status.body["targets"], 2)
	require.Equal(t, "Ada Lovelace", p.entry(ada).GetAttributeValue("cn"))
	require.Len(t, hook.accepted(), 1)
	require.Regexp(t, "^00-"+observedTrace+"-[0-9a-f]{16}-01$", hook.accepted()[0].trace, "the trace goes on where no traces are made")
	require.Nil(t, s.dev.person(ada), "the cis-dev has nothing to do with it")

	_, parts := p.probe("/readyz")
	require.Equal(t, map[string]string{"process": "ok", "vault": "ok", "temporal": "ok", "tokens": "ok", "publishers": "ok"}, parts)
	_, parts = worker.probe("/readyz")
	require.Equal(t, map[string]string{"process": "ok", "vault": "ok", "temporal": "ok", "workers": "ok", "publishers": "ok"}, parts)
	published := p.must(http.MethodGet, "/.well-known/mozilla-iam", "", nil)
	require.Contains(t, published.text, `"change": "http://`+p.api)
	history := history(t, s.temporalClient(), r.body["sequence_number"])
	requireEncrypted(t, history)
	sealed, err := protojson.Marshal(history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput())
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, p.must(http.MethodPost, "/codec/decode", p.token(api.ScopeWrite), sealed).status)
	opened := p.must(http.MethodPost, "/codec/decode", p.token(api.ScopeDecode), sealed)
	require.Equal(t, http.StatusOK, opened.status, opened.text)
	require.Equal(t, ada, opened.decoded(t).Changes[0].UserID)
	require.NotContains(t, p.said()+worker.said(), "Lovelace")
	require.NotContains(t, p.said()+worker.said(), s.settings["directory.password"])
}

// A worker that has no encryption settings at all is what a forgotten setting
// makes; that of a wrong key is another.
func TestAWorkerWithoutTheKeyHoldsChangesUpAndLosesNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := filepath.Join(s.folder, "other-keys.json")
	out, err := exec.Command(tool, "payload-keys", "create", other).CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := s.start("api", map[string]any{"api.deadline": "1s"})
	var numbers []any
	for i, keys := range []any{nil, other} {
		wrong := s.start("worker", map[string]any{"encryption.key-file": keys})
		r := p.post(p.newcomer([]string{ada, "ad|Mozilla-LDAP|grace"}[i]))
		require.Equal(t, http.StatusAccepted, r.status, r.text)
		numbers = append(numbers, r.body["sequence_number"])
		require.Eventually(t, func() bool {
			return strings.Contains(wrong.said(), "is not among the keys of this process")
		}, 20*time.Second, 50*time.Millisecond, "operators are told")
		wrong.stop()
	}
	s.start("worker", nil)
	for _, number := range numbers {
		p.await(number, "Completed")
	}
	require.NotNil(t, p.entry(ada))
}

// busyVault keeps everybody else from writing to a site's vault until it is
// released.
func (s *site) busyVault() (release func()) {
	vault, err := sql.Open("sqlite", "file:"+s.settings["vault.file"].(string)+"?_txlock=immediate")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = vault.Close() })
	busy, err := vault.Begin()
	require.NoError(s.t, err)
	return func() { require.NoError(s.t, busy.Rollback()) }
}

// stopAmidRequest sends a process a change, which cannot be stored until
// release is called, and a SIGTERM while it is being carried out.
func (s *site) stopAmidRequest(p *process) (answered <-chan reply, release func()) {
	release = s.busyVault()
	token, body := p.token(), p.newcomer(ada)
	answers := make(chan reply, 1)
	go func() {
		r, _ := p.call(http.MethodPost, "/v2/user", token, body)
		answers <- r
	}()
	search(s.t, s.temporalClient(), `CisState = "Integrating"`, 1)
	require.NoError(s.t, p.cmd.Process.Signal(syscall.SIGTERM))
	return answers, release
}

func TestARequestThatIsBeingAnsweredSurvivesTheEndOfItsProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start("serve", nil)
	answered, release := s.stopAmidRequest(p)
	p.awaitPart("process", "stopping")
	status, _ := p.probe("/healthz")
	require.Equal(t, http.StatusOK, status, "it lives until it ends")
	require.Eventually(t, func() bool {
		_, err := p.call(http.MethodGet, "/v2/version", "", nil)
		return err != nil
	}, 5*time.Second, 20*time.Millisecond, "new requests are not taken")
	release()
	r := <-answered
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.Equal(t, "create", r.body["condition"])
	require.Less(t, p.awaitEnd(0), 15*time.Second)

	p.start()
	p.await(r.body["sequence_number"], "Completed")
	require.NotNil(t, p.entry(ada))
}

func TestARequestThatTakesLongerThanItsProcessMayIsAcknowledgedAndCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start("serve", map[string]any{"grace-period": "6s", "api.deadline": "40s"})
	answered, release := s.stopAmidRequest(p)
	require.Less(t, p.awaitEnd(0), 6*time.Second)
	r := <-answered
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	release()
	p.start()
	p.await(r.body["sequence_number"], "Completed")
	require.NotNil(t, p.person(ada))
}

func TestADeliveryThatIsUnderWaySurvivesTheEndOfItsWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hook := newReceiver(t)
	settings := map[string]any{"grace-period": "6s", "webhooks.subscriptions": []any{"badges=" + hook.address}}
	p := s.start("api", nil)
	worker := s.start("worker", settings)

	slow := hook.hold()
	r := p.post(p.newcomer(ada))
	require.Equal(t, http.StatusOK, r.status, r.text)
	<-slow.arrived
	require.NoError(t, worker.cmd.Process.Signal(syscall.SIGTERM))
	worker.awaitPart("process", "stopping")
	slow.release()
	require.Less(t, worker.awaitEnd(0), 6*time.Second)
	require.Len(t, hook.accepted(), 1, "it came to its end")
	worker.start()
	p.await(r.body["sequence_number"], "Completed")
	require.Len(t, hook.accepted(), 1, "and was not made again")

	slow = hook.hold()
	r = p.post(p.newcomer("ad|Mozilla-LDAP|grace"))
	<-slow.arrived
	require.NoError(t, worker.cmd.Process.Signal(syscall.SIGTERM))
	require.Less(t, worker.awaitEnd(0), 6*time.Second, "one that takes too long is handed back")
	slow.release()
	number := change.Number(r.body["sequence_number"].(string))
	described, err := s.temporalClient().DescribeWorkflowExecution(context.Background(), workflows.ID(number), "")
	require.NoError(t, err)
	require.Len(t, described.GetPendingActivities(), 1)
	waiting := described.GetPendingActivities()[0]
	require.Equal(t, activities.ErrorHandedBack, waiting.GetLastFailure().GetApplicationFailureInfo().GetType())
	require.Equal(t, enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, waiting.GetState(), "for whoever comes first, not after a heartbeat's timeout")
	worker.start()
	p.await(number, "Completed")
}

func TestASecondSignalEndsAProcessAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start("serve", map[string]any{"grace-period": "40s", "drain-delay": "10s"})
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.awaitPart("process", "stopping")
	require.Equal(t, http.StatusOK, p.must(http.MethodGet, "/v2/version", "", nil).status, "meanwhile requests are served")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Less(t, p.awaitEnd(130), 3*time.Second)
}

func TestAProcessSaysWhichPartIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start("serve", nil)
	s.dev.stop()
	p.awaitPart("temporal", "unavailable")
	status, parts := p.probe("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "ok", parts["vault"])
	require.Equal(t, "ok", parts["tokens"], "the issuer's keys are kept")
	other := s.prepare("serve", nil)
	other.admin = p.admin
	other.launch()
	other.awaitEnd(1)
	require.Regexp(t, `(?m)^cis: admin.listen: listen tcp .* address already in use$`, other.said())
	p.stop()
	p.launch()
	p.awaitPart("workers", "unavailable")
	_, parts = p.probe("/readyz")
	require.Equal(t, map[string]string{"process": "ok", "vault": "ok", "temporal": "unavailable", "workers": "unavailable",
		"tokens": "unavailable", "publishers": "unavailable"}, parts, "it starts all the same")
	s.dev.start()
	for _, part := range []string{"temporal", "tokens", "publishers", "workers"} {
		p.awaitPart(part, "ok")
	}
	r := p.post(p.newcomer(ada))
	p.await(r.body["sequence_number"], "Completed")
}

func TestTemporalIsMadeReadyOnce(t *testing.T) {
	t.Parallel()
	dev := start(t)
	initialise := func(args ...string) string {
		out, err := exec.Command(tool, append([]string{"temporal", "init", "--temporal-address", dev.temporal}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Equal(t, "Namespace fresh was registered. It keeps finished changes for 720h0m0s.\n"+
		"It was given the search attributes CisCondition, CisPerson, CisPublisher, CisState.\n", initialise("--temporal-namespace", "fresh"))
	require.Equal(t, "Namespace fresh is there. It keeps finished changes for 720h0m0s.\n"+
		"It has the search attributes of CIS.\n", initialise("--temporal-namespace", "fresh"))
	require.Contains(t, initialise("--temporal-namespace", "fresh", "--retention", "72h"),
		"Namespace fresh now keeps finished changes for 72h0m0s; it was 720h0m0s.\n")
	require.Contains(t, initialise(), "Namespace default is there.")

	cloud, err := exec.Command(tool, "temporal", "init", "--temporal-address", "cis.a1b2c.tmprl.cloud:7233", "--temporal-namespace", "cis.a1b2c").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(cloud), `--search-attribute "CisPerson=KeywordList"`)
	require.Contains(t, string(cloud), "cis: this must be done by hand\n")
	away, err := exec.CommandContext(context.Background(), tool, "temporal", "init", "--temporal-address", freeport.Address(t), "--timeout", "1s").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(away), "cis: temporal at 127.0.0.1:")
}

func TestEveryProblemOfAConfigurationIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cis.yaml")
	require.NoError(t, os.WriteFile(file, []byte("api: {deadlin: 1s}\nsalt: hush-hush\n"), 0o600))
	command := exec.Command(tool, "worker", "--config", file, "--grace-period", "soon")
	command.Env = []string{"CIS_TEMPORAL_ADDRESS=nowhere"}
	out, err := command.CombinedOutput()
	require.Error(t, err)
	for _, says := range []string{"cis: the configuration has 10 problems:\n", "\n  " + file + ":1 api.deadlin: there is no such setting in api; there are: access-file-url,",
		"\n  --grace-period: \"soon\" is no length of time", "\n  CIS_TEMPORAL_ADDRESS: \"nowhere\" is no address", "\n  tokens.issuer: this is missing"} {
		require.Contains(t, string(out), says)
	}
	shown, _ := exec.Command(tool, "config", "show", "--config", file).Output()
	require.NotContains(t, string(shown), "hush-hush")
	require.Contains(t, string(shown), "salt: '********' # "+file+":2 salt\n")
	require.NoError(t, yaml.Unmarshal(shown, new(map[string]any)))
}
