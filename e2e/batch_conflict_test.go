package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"cis/change"
	"cis/profile"
)

// A batch's sets are verified while it comes, and stored after its end: what
// comes in between may forbid what was allowed.
func TestAChangeInBetweenRefusesWhatItForbidsAndTheRestIsStored(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(change.MaxSetSize + 5)
	require.Equal(t, http.StatusOK, p.post(bodies[3]).status)
	bodies[3] = p.signed("ldap", member(3), value{"fun_title", "as LDAP has it", "public"})

	body, feed := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, p.url("/v2/users"), body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+p.token())
	answered := make(chan *http.Response, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
		}
		answered <- response
	}()
	whole := array(bodies)
	last := len(whole) - len(bodies[len(bodies)-1]) - 1
	_, err = feed.Write(whole[:last])
	require.NoError(t, err)
	p.awaitVerified()

	other := p.post(p.signed("mozilliansorg", member(3), value{"fun_title", "as the person has it", "public"}))
	require.Equal(t, http.StatusOK, other.status, other.text)
	_, err = feed.Write(whole[last:])
	require.NoError(t, err)
	require.NoError(t, feed.Close())

	response := <-answered
	defer response.Body.Close()
	require.Equal(t, http.StatusConflict, response.StatusCode)
	var refused struct {
		Code, Description string
		Rejections        []struct {
			Index  int
			UserID string `json:"user_id"`
			Code   string
		}
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&refused))
	require.Equal(t, "conflict", refused.Code)
	require.Contains(t, refused.Description, "profile 3: [update] ldap is NOT allowed to publish field fun_title")
	require.Len(t, refused.Rejections, 1)
	require.Equal(t, 3, refused.Rejections[0].Index)
	require.Equal(t, member(3), refused.Rejections[0].UserID)
	require.Equal(t, "invalid_publisher", refused.Rejections[0].Code)
	require.Equal(t, len(bodies), p.everybody(), "the others are stored")
	require.Equal(t, "as the person has it", p.person(member(3)).String("fun_title"))
	require.NotEmpty(t, p.person(member(4)).String(profile.UUID))
}

// awaitVerified waits until a set is verified and held.
func (p *process) awaitVerified() {
	c := p.temporalClient()
	id := search(p.t, c, fmt.Sprintf(`CisState = "%s"`, change.Integrating), 1)[0]
	require.Eventually(p.t, func() bool {
		for _, event := range history(p.t, c, id[len("change/"):]).Events {
			if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED {
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond)
}
