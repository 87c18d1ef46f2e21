package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/workflows"
)

// build is the build that carries a change out, "" for none.
func (s *site) build(number any) string {
	described, err := s.temporalClient().DescribeWorkflowExecution(context.Background(), workflows.ID(change.Number(fmt.Sprint(number))), "")
	require.NoError(s.t, err)
	return described.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

func (s *site) promote(build string) (string, error) {
	out, err := s.command("temporal", "promote", "--temporal-build-id", build, "--timeout", "20s").CombinedOutput()
	return string(out), err
}

func TestChangesGoOnWithTheBuildThatIsPromoted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hook := newReceiver(t)
	p := s.start("api", map[string]any{"api.deadline": "1s"})
	worker := func(build string) *process {
		return s.start("worker", map[string]any{"temporal.build-id": build, "webhooks.retries": []string{"50ms"},
			"webhooks.subscriptions": []any{"badges=" + hook.address}})
	}
	hook.answer(http.StatusInternalServerError)
	none := worker("")
	unversioned := p.post(p.newcomer(ada)).body["sequence_number"]
	p.await(unversioned, "NeedsAttention")
	require.Empty(t, s.build(unversioned))

	first := worker("1")
	said, err := s.promote("1")
	require.NoError(t, err, said)
	require.Equal(t, "Build 1 of deployment cis has the changes from now on.\n", said)
	none.stop()
	parked := p.post(p.signed("mozilliansorg", ada, value{"fun_title", "Countess", "public"})).body["sequence_number"]
	p.await(parked, "NeedsAttention")
	require.Equal(t, "1", s.build(parked))

	second := worker("2")
	idle := p.post(p.signed("mozilliansorg", ada, value{"fun_title", "Duchess", "public"})).body["sequence_number"]
	p.await(idle, "NeedsAttention")
	require.Equal(t, "1", s.build(idle), "a build that is not promoted has no changes")
	said, err = s.promote("2")
	require.NoError(t, err, said)
	first.stop()
	hook.answer(0)
	for _, number := range []any{unversioned, parked, idle} {
		require.Eventually(t, func() bool {
			_, err := decide(s.operator(), workflows.ID(change.Number(fmt.Sprint(number))), workflows.UpdateRetry, "webhook/badges")
			return err == nil
		}, 30*time.Second, time.Second)
		p.await(number, "Completed")
		require.Equal(t, "2", s.build(number), "it goes on with the newest build")
	}
	require.Contains(t, second.said(), "the workers have started")

	said, err = s.promote("3")
	require.Error(t, err)
	require.Contains(t, said, "cis: build 3 of deployment cis: ")
}
