package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"cis/change"
	"cis/profile"
	"cis/workflows"
)

// batch posts profiles as one request.
func (p *process) batch(bodies [][]byte, headers ...string) reply {
	return p.must(http.MethodPost, "/v2/users", p.token(), array(bodies), headers...)
}

func array(bodies [][]byte) []byte {
	return slices.Concat([]byte("["), bytes.Join(bodies, []byte(",")), []byte("]"))
}

// members are new people of whom there is nothing but the id, signed by ldap.
func (p *process) members(n int) [][]byte {
	bodies := make([][]byte, n)
	ldap, nobody := p.signer("ldap"), parse(p.t, `{}`)
	for i := range bodies {
		one, err := nobody.Set(profile.UserID, member(i), time.Now())
		require.NoError(p.t, err)
		one, err = one.Show(profile.UserID, "public")
		require.NoError(p.t, err)
		one, err = ldap.Profile(one, profile.UserID)
		require.NoError(p.t, err)
		bodies[i] = one.JSON()
	}
	return bodies
}

func parse(t *testing.T, text string) *profile.Profile {
	p, err := profile.Parse([]byte(text))
	require.NoError(t, err)
	return p
}

func member(i int) string { return fmt.Sprintf("email|member%04d", i) }

// everybody is how many people there are.
func (p *process) everybody() (n int) {
	token, next := p.token(), ""
	for {
		r := p.must(http.MethodGet, "/v2/users/id/all?connectionMethod=e&active=any&nextPage="+next, token, nil)
		require.Equal(p.t, http.StatusOK, r.status, r.text)
		n += len(r.body["users"].([]any))
		if r.body["nextPage"] == nil {
			return n
		}
		next = percent(r.body["nextPage"].(string), unreserved)
	}
}

func numbers(r reply, list string) []string {
	stored, _ := r.body[list].(map[string]any)
	var numbers []string
	sequence, _ := stored["sequence_numbers"].([]any)
	for _, n := range sequence {
		numbers = append(numbers, n.(string))
	}
	return numbers
}

func TestABatchIsStoredAndPublishedInSets(t *testing.T) {
	t.Parallel()
	badges := newReceiver(t)
	p := start(t, "--webhook", "badges="+badges.address)
	created := p.batch(p.members(120))
	require.Equal(t, http.StatusOK, created.status, created.text)
	require.EqualValues(t, 200, created.body["status"])
	require.Nil(t, created.body["updates"])
	all := numbers(created, "creates")
	require.Len(t, all, 120)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(all))), 120, "each profile has a number of its own")
	for _, i := range []int{0, 49, 50, 119} {
		status := p.await(all[i], "Completed")
		require.Equal(t, true, status.body["identity_vault"])
		require.Equal(t, "create", status.body["condition"])
		require.NotNil(t, p.entry(member(i)))
		require.Equal(t, all[i], p.sequenceNumberOf(member(i)), "the numbers are in the order of the profiles")
	}
	require.Len(t, badges.accepted(), 120)
	search(t, p.temporalClient(), `CisState = "Completed"`, 3)

	mixed := [][]byte{
		p.members(8)[7],
		p.signed("mozilliansorg", member(8), value{"fun_title", "Eighth", "public"}),
		p.member("email|another", true),
	}
	r := p.batch(mixed)
	require.Len(t, numbers(r, "creates"), 1, r.text)
	require.Len(t, numbers(r, "updates"), 1, r.text)
	require.JSONEq(t, `{"creates":null,"updates":null,"status":202}`, p.batch(mixed).text)
	require.JSONEq(t, `{"creates":null,"updates":null,"status":202}`, p.batch(nil).text)
}

// sequenceNumberOf is the change that a receiver was last told of a person.
func (p *process) sequenceNumberOf(id string) string {
	c := p.temporalClient()
	pseudonym := profile.PersonUUID(p.salt(), id)
	found := search(p.t, c, fmt.Sprintf(`CisPerson = "%s"`, pseudonym), 1)
	var result change.Result
	require.NoError(p.t, c.GetWorkflow(context.Background(), found[0], "").Get(context.Background(), &result))
	answer, err := c.DescribeWorkflowExecution(context.Background(), found[0], "")
	require.NoError(p.t, err)
	persons := string(answer.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()["CisPerson"].GetData())
	for i, person := range strings.Split(strings.Trim(persons, `[]`), ",") {
		if strings.Trim(person, `"`) == pseudonym.String() {
			return string(result.Outcomes[i].Number)
		}
	}
	return ""
}

func TestOneWrongProfileAmongThousandsRefusesTheBatch(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(4001)
	good := bodies[3999]
	bodies[3999] = bytes.Replace(good, []byte(`"verified":true`), []byte(`"verified":false`), 1)
	bodies[4000] = bytes.Replace(bodies[4000], []byte(`"display":"public"`), []byte(`"display":"everyone"`), 1)
	r := p.batch(bodies)
	require.Equal(t, http.StatusForbidden, r.status, "%.300s", r.text)
	require.Contains(t, r.body["description"], "profile 3999: ")
	require.Less(t, len(r.text), 4000)
	rejections := r.body["rejections"].([]any)
	require.Len(t, rejections, 2)
	for i, code := range []string{"invalid_signature", "invalid_profile"} {
		rejection := rejections[i].(map[string]any)
		require.Equal(t, code, rejection["code"])
		require.EqualValues(t, 3999+i, rejection["index"])
		require.Equal(t, member(3999+i), rejection["user_id"])
	}
	require.Zero(t, p.everybody(), "nothing is stored")

	bodies[3999] = good[:len(good)-2]
	r = p.batch(bodies)
	require.Equal(t, http.StatusBadRequest, r.status, "%.300s", r.text)
	require.Equal(t, "malformed_json", r.body["code"])
	require.Contains(t, r.body["description"], "profile 3999: ")
	require.Zero(t, p.everybody(), "nothing is stored")
	c := p.temporalClient()
	search(t, c, `CisState = "Abandoned"`, 79+79)
	search(t, c, `CisState = "Rejected"`, 2)
	require.Eventually(t, func() bool {
		open, err := c.CountWorkflow(context.Background(), &workflowservice.CountWorkflowExecutionsRequest{Query: `ExecutionStatus = "Running"`})
		return err == nil && open.Count == 0
	}, 20*time.Second, 50*time.Millisecond, "nothing is left running")
}

func TestEveryBadProfileOfABatchIsNamed(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(130)
	bodies[3] = []byte(`7`)
	bodies[60] = bodies[59]
	bodies[61] = []byte(`{"first_name":{}}`)
	bodies[62] = []byte(`"{\"first_name\":"`)
	bodies[100] = p.signed("mozilliansorg", member(100), value{"fun_title", "x", "public"})
	bodies[101] = bytes.Replace(bodies[101], []byte(`"display":"public"`), []byte(`"display":"everyone"`), 1)
	r := p.batch(bodies)
	require.Equal(t, http.StatusBadRequest, r.status, r.text)
	got := map[float64]string{}
	for _, each := range r.body["rejections"].([]any) {
		rejection := each.(map[string]any)
		got[rejection["index"].(float64)] = rejection["code"].(string)
	}
	require.Equal(t, map[float64]string{3: "invalid_profile", 60: "duplicate_profile", 61: "invalid_profile", 62: "malformed_json",
		100: "invalid_publisher", 101: "invalid_profile"}, got)
	require.Zero(t, p.everybody())
}

// What only storing would notice must be noticed before any of it is stored.
func TestAKeyThatIsTooLongRefusesTheWholeBatch(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(70)
	for path, code := range map[profile.Path]string{profile.PrimaryEmail: "invalid_profile", profile.UserID: "invalid_profile"} {
		long := value{path, strings.Repeat("x", 2049), "public"}
		if path == profile.UserID {
			bodies[60] = p.signed("ldap", strings.Repeat("x", 2049))
		} else {
			bodies[60] = p.signed("ldap", member(60), long)
		}
		r := p.batch(bodies)
		require.Equal(t, http.StatusBadRequest, r.status, r.text)
		require.Equal(t, code, r.body["code"])
		require.Contains(t, r.body["description"], "profile 60: ")
		require.Contains(t, r.body["description"], "2048")
		require.Zero(t, p.everybody())
	}
}

func TestBatchesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	valid := p.members(60)
	token := p.token()
	for name, test := range map[string]struct {
		body   []byte
		status int
		code   string
		says   string
	}{
		"no body":                {nil, 400, "malformed_json", "could not be read"},
		"no array":               {[]byte(`{}`), 400, "invalid_profile", "send a list"},
		"broken off":             {array(valid)[:len(array(valid))-1], 400, "malformed_json", "profile 60"},
		"something after it":     {append(array(valid), '1'), 400, "malformed_json", "follows"},
		"a name twice":           {[]byte(`[{"user_id":{},"user_id":{}}]`), 400, "malformed_json", "twice"},
		"more than 5000":         {[]byte("[" + strings.Repeat(`{"user_id":{"value":"x"}},`, 5000) + "{}]"), 400, "too_many_profiles", "5000"},
		"one that is too large":  {[]byte(`[{"description":{"value":"` + strings.Repeat("x", 1<<20) + `"}}]`), 413, "payload_too_large", "profile 0"},
		"a person without an id": {[]byte(`[{}]`), 400, "invalid_profile", "profile 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.must(http.MethodPost, "/v2/users", token, test.body)
			require.Equal(t, test.status, r.status, "%.300s", r.text)
			require.Equal(t, test.code, r.body["code"])
			require.Contains(t, r.body["description"], test.says)
		})
	}
	require.Zero(t, p.everybody(), "nothing of them is stored")
}

func TestARepeatedBatchIsOneBatch(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(70)
	first := p.batch(bodies, "Idempotency-Key", "monday")
	require.Equal(t, http.StatusOK, first.status, first.text)
	require.Len(t, numbers(first, "creates"), 70)
	require.Equal(t, first.text, p.batch(bodies, "Idempotency-Key", "monday").text)
	for name, other := range map[string][][]byte{
		"fewer":          bodies[:50],
		"more":           append(slices.Clone(bodies), p.member("email|more", true)),
		"the last other": append(slices.Clone(bodies[:69]), p.member("email|other", true)),
	} {
		r := p.batch(other, "Idempotency-Key", "monday")
		require.Equal(t, http.StatusUnprocessableEntity, r.status, name)
		require.Equal(t, "idempotency_key_reused", r.body["code"])
	}
	require.Equal(t, 70, p.everybody())

	bad := append(slices.Clone(bodies), p.signed("mozilliansorg", "email|x"))
	refused := p.batch(bad, "Idempotency-Key", "tuesday")
	require.Equal(t, http.StatusForbidden, refused.status, refused.text)
	require.Equal(t, refused.text, p.batch(bad, "Idempotency-Key", "tuesday").text, "the same answer, and not a broken-off one")
}

func TestWhatBreaksOffGivesUpNothingOfOthers(t *testing.T) {
	t.Parallel()
	badges := newReceiver(t)
	badges.answer(http.StatusServiceUnavailable)
	p := start(t, "--webhook", "badges="+badges.address, "--webhook-retries", "100ms,100ms,100ms,100ms,100ms,1s,1s,1s,1s,1s")
	one := p.post(p.newcomer(ada), "Idempotency-Key", "one")
	require.Equal(t, http.StatusOK, one.status, one.text)
	bodies := p.members(120)
	many := p.batch(bodies, "Idempotency-Key", "many")
	require.Equal(t, http.StatusOK, many.status, many.text)

	require.Equal(t, http.StatusUnprocessableEntity, p.batch(bodies, "Idempotency-Key", "one").status)
	broken := array(bodies)
	broken = broken[:len(broken)-10]
	require.Equal(t, http.StatusBadRequest, p.must(http.MethodPost, "/v2/users", p.token(), broken, "Idempotency-Key", "many").status)
	badges.answer(0)
	for _, number := range append(numbers(many, "creates"), one.body["sequence_number"].(string)) {
		p.await(number, "Completed")
	}
	require.Len(t, badges.accepted(), 121)
}

func TestATargetThatFailsForOnePersonOfABatchParksThatPersonAlone(t *testing.T) {
	t.Parallel()
	badges := newReceiver(t)
	badges.refuse(member(3), http.StatusBadRequest)
	p := start(t, "--webhook", "badges="+badges.address)
	r := p.batch(p.members(10))
	status := p.await(numbers(r, "creates")[3], "NeedsAttention")
	hooked := status.body["targets"].([]any)[1].(map[string]any)
	require.Equal(t, "parked", hooked["state"])
	require.Equal(t, []any{profile.PersonUUID(p.salt(), member(3)).String()}, status.body["persons"])
	for i, number := range numbers(r, "creates") {
		if i != 3 {
			p.await(number, "Completed")
		}
	}
	require.Len(t, badges.accepted(), 9)
	badges.refuse("", 0)
	_, err := decide(p.temporalClient(), workflows.ID(change.Number(numbers(r, "creates")[0])), workflows.UpdateRetry, "webhook/badges")
	require.NoError(t, err)
	p.await(numbers(r, "creates")[3], "Completed")
	require.Len(t, badges.accepted(), 10, "the others are not told twice")
}

func TestABatchSurvivesAKill(t *testing.T) {
	t.Parallel()
	p := start(t)
	bodies := p.members(400)
	token := p.token()
	answered := make(chan error, 1)
	go func() {
		_, err := p.call(http.MethodPost, "/v2/users", token, array(bodies), "Idempotency-Key", "killed")
		answered <- err
	}()
	c := p.temporalClient()
	require.Eventually(t, func() bool {
		begun, err := c.CountWorkflow(context.Background(), &workflowservice.CountWorkflowExecutionsRequest{})
		return err == nil && begun.Count >= 3
	}, 20*time.Second, 5*time.Millisecond)
	p.kill()
	require.Error(t, <-answered, "nothing was acknowledged")
	p.start()
	r := p.batch(bodies, "Idempotency-Key", "killed")
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.Len(t, numbers(r, "creates"), 400)
	require.Equal(t, 400, p.everybody())
}

func TestStatusIsKnownAfterTemporalHasForgotten(t *testing.T) {
	t.Parallel()
	p := start(t)
	number := p.post(p.newcomer(ada)).body["sequence_number"].(string)
	p.await(number, "Completed")
	p.stop()
	forgotten, err := filepath.Glob(filepath.Join(p.data, "temporal.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, forgotten)
	for _, file := range forgotten {
		require.NoError(t, os.Remove(file))
	}
	p.start()
	r := p.must(http.MethodGet, "/v2/status?sequenceNumber="+number, p.token(), nil)
	require.JSONEq(t, fmt.Sprintf(`{"identity_vault":true,"state":"Completed","condition":"create","persons":[%q]}`,
		profile.PersonUUID(p.salt(), ada)), r.text)
}
