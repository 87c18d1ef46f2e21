package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// ids names a crowd in the order of the ids. The 100th, where the first page
// of profiles ends, has what clients spell differently.
func ids(method string, count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf("%s|c%04d", method, i)
	}
	if count > 100 {
		all[99] = method + "|c0099 o'brien/ö?"
	}
	return all
}

// assemble creates active people and a few inactive ones between them, and
// returns the ids of both.
func (p *process) assemble(method string, active, inactive int) (present, gone []string) {
	present = ids(method, active)
	var bodies [][]byte
	for _, id := range present {
		bodies = append(bodies, p.member(id, true))
	}
	for i := range inactive {
		id := fmt.Sprintf("%s|c%04d gone", method, i*active/inactive)
		gone = append(gone, id)
		bodies = append(bodies, p.member(id, false))
	}
	p.crowd(bodies...)
	return present, gone
}

func TestTheRustClientReadsEverybodyPageByPage(t *testing.T) {
	t.Parallel()
	p := start(t)
	present, _ := p.assemble("email", 230, 15)
	c := newRustClient(p, everything...)
	for _, filter := range []string{"", "public"} {
		pages := c.users(filter)
		var got []string
		for i, page := range pages {
			for _, person := range page {
				shown := person[profile.UserID].text()
				got = append(got, shown)
				require.NotEmpty(t, person[profile.UUID].text())
				// The position replaces the filter: only the first page has it.
				require.Equal(t, filter == "public" && i == 0, person[profile.PrimaryEmail].text() == "", shown)
			}
		}
		require.Equal(t, present, got)
		require.Greater(t, len(pages), 2)
	}
}

func TestTheRustClientFindsAnEmptyListAtItsEnd(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	require.Equal(t, [][]rustProfile{nil}, c.users(""))
	last := "zzz"
	page, err := c.batch(&last, "")
	require.NoError(t, err)
	require.Equal(t, rustBatch{}, page)
}

func TestTheRustClientSubmitsPeopleInBatches(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	var all []rustProfile
	for _, id := range ids("email", 60) {
		all = append(all, newRustPerson(p, id))
	}
	replies, err := c.updateAll(all)
	require.NoError(t, err)
	require.Len(t, replies, 3)
	for i, size := range []int{25, 25, 10} {
		require.EqualValues(t, 200, replies[i].body["status"], replies[i].text)
		creates := replies[i].body["creates"].(map[string]any)
		require.Equal(t, "200", creates["status"])
		require.Len(t, creates["sequence_numbers"], size)
		require.Nil(t, replies[i].body["updates"])
	}
	replies, err = c.updateAll(all)
	require.NoError(t, err)
	for _, r := range replies {
		require.JSONEq(t, `{"creates":null,"updates":null,"status":202}`, r.text)
	}
	for i := range all {
		found, err := c.user("user_id", all[i][profile.UserID].text(), "", "true")
		require.NoError(t, err)
		found.set(p, "location", fmt.Sprint("desk ", i), "mozilliansorg")
		all[i] = found
	}
	all[0] = newRustPerson(p, "email|another")
	replies, err = c.updateAll(all)
	require.NoError(t, err)
	require.Len(t, replies[0].body["creates"].(map[string]any)["sequence_numbers"], 1)
	require.Len(t, replies[0].body["updates"].(map[string]any)["sequence_numbers"], 24)

	all[3] = newRustPerson(p, "email|good")
	all[30].set(p, "staff_information.title", "Queen", "mozilliansorg")
	replies, err = c.updateAll(all)
	require.ErrorIs(t, err, errRustStatus)
	require.Len(t, replies, 1, "the client stops at the batch that was refused")
	_, err = c.user("user_id", "email|good", "", "true")
	require.NoError(t, err)
}

// newRustPerson is a new person as a service built on the client makes one.
func newRustPerson(p *process, id string) rustProfile {
	made := defaultRust()
	made.set(p, profile.UserID, id, "access_provider")
	made.set(p, profile.Active, true, "access_provider")
	made.set(p, "login_method", "email", "access_provider")
	made.set(p, profile.PrimaryEmail, strings.TrimPrefix(id, "email|")+"@example.org", "access_provider")
	return made
}

func TestTheRustClientDeletesAPersonAndTheReceiverIsTold(t *testing.T) {
	t.Parallel()
	deliveries := make(chan told, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { deliveries <- readTold(r) }))
	t.Cleanup(hook.Close)
	p := start(t, "--allow-delete", "--webhook", "directory="+hook.URL)
	c := newRustClient(p, everything...)
	_, err := c.update(ada, newRustPerson(p, ada))
	require.NoError(t, err)
	p.requireTold(<-deliveries, "create", ada)

	found, err := c.active(ada)
	require.NoError(t, err)
	for range 2 { // the second finds nobody to delete, which is no error
		r, err := c.delete(ada, found)
		require.NoError(t, err)
		require.JSONEq(t, `{"status":200,"message":"user profile deleted for user: `+ada+`","condition":"delete"}`, r.text)
	}
	p.requireTold(<-deliveries, "delete", ada)
	_, err = c.active(ada)
	require.ErrorIs(t, err, errRustAbsent)
	require.Empty(t, c.users("")[0])
}

func TestDeletionIsRefusedToTheRustClientUnlessItIsAllowed(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	body := newRustPerson(p, ada)
	_, err := c.update(ada, body)
	require.NoError(t, err)
	r, err := c.delete(ada, body)
	require.ErrorIs(t, err, errRustStatus)
	require.Equal(t, 405, r.status)
	require.Equal(t, "method_not_allowed", r.body["code"])
	_, err = c.active(ada)
	require.NoError(t, err)
}

func TestThePythonPublishersListWhomCISKnows(t *testing.T) {
	t.Parallel()
	p := start(t)
	present, gone := p.assemble("ad|Mozilla-LDAP", 1100, 6)
	require.Equal(t, http.StatusOK, p.post(p.member("oauth2|firefoxaccounts|0a1b", true)).status)
	require.Equal(t, http.StatusOK, p.post(p.member("oauth2|other|0a1b", true)).status)
	require.Equal(t, http.StatusOK, p.post(p.member("adam|1", true)).status)

	ldap := newPythonClient(p, "ldap")
	all := ldap.knowUsers("ad|", false)
	require.Len(t, all, len(present))
	require.Len(t, ldap.known, len(present))
	for _, id := range present {
		require.Contains(t, ldap.known, id)
		require.Equal(t, id, ldap.byEmail[ldap.known[id]])
	}
	for _, u := range all {
		require.True(t, u.Active != nil && *u.Active)
		require.NotEmpty(t, *u.UUID)
	}

	hris := newPythonClient(p, "hris")
	hris.knowUsers("ad", true)
	require.Len(t, hris.known, len(present)+len(gone)+1, "ad is the beginning of adam, too")
	for _, id := range gone {
		require.Contains(t, hris.known, id)
	}
	access := newPythonClient(p, "access_provider")
	access.knowUsers("oauth2|firefoxaccounts", false)
	require.Equal(t, []string{"oauth2|firefoxaccounts|0a1b"}, keys(access.known))
	require.Empty(t, access.knowUsers("google-oauth2", false))
}

func keys[V any](m map[string]V) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestThePythonPublishersReadEveryProfile(t *testing.T) {
	t.Parallel()
	p := start(t)
	present, _ := p.assemble("email", 230, 15)
	c := newPythonClient(p, "hris")
	found, pages := c.everybody()
	require.Equal(t, present, keys(found))
	require.Greater(t, pages, 2)

	// Positions that a client made itself, as Python and as JSON write them.
	for name, position := range map[string]string{
		"a dict":                     `{'id': '` + present[219] + `'}`,
		"a dict of unicode strings":  `{u'id': u'` + present[219] + `'}`,
		"JSON":                       `{"id": "` + present[219] + `"}`,
		"JSON, compact":              `{"id":"` + present[219] + `"}`,
		"an id that nobody has":      `{'id': '` + present[219] + `0'}`,
		"an id with a quote in it":   `{'id': "` + present[219] + `'"}`,
		"JSON, all of it encoded":    percent(`{"id":"`+present[219]+`"}`, unreserved),
		"JSON, encoded as in a form": strings.ReplaceAll(percent(`{"id": "`+present[219]+`"}`, unreserved), "%20", "+"),
	} {
		var answer struct {
			Items []json.RawMessage
		}
		c.get("/v2/users?nextPage="+position, &answer)
		require.Len(t, answer.Items, 10, name)
	}
}

func TestTheHRPublisherFindsTheStaffAndDeactivatesWhoLeft(t *testing.T) {
	t.Parallel()
	p := start(t)
	var bodies [][]byte
	all := ids("ad|Mozilla-LDAP", 80)
	for i, id := range all {
		staff := value{"staff_information.staff", i%8 != 0, "public"}
		bodies = append(bodies, p.member(id, i != 1, staff, value{"access_information.ldap", map[string]any{"all": nil}, "staff"}))
	}
	p.crowd(append(bodies, p.member("ad|Mozilla-LDAP|x", true))...)

	c := newPythonClient(p, "hris")
	c.knowUsers("ad", true)
	require.Len(t, c.known, 81)
	staff, pages := c.matching("staff_information.staff=True&active=True")
	require.Len(t, staff, 69, "70 of 80 are staff, one of these is inactive")
	require.Equal(t, 3, pages)
	for id, found := range staff {
		require.Contains(t, c.known, id)
		require.Equal(t, true, valueAt(t, found, "staff_information", "staff"))
		require.Equal(t, map[string]any{"all": nil}, valueAt(t, found, "access_information", "ldap"))
		require.Contains(t, found, "primary_email")
	}

	left := all[2]
	text, err := json.Marshal(staff[left])
	require.NoError(t, err)
	stored, err := profile.Parse(text)
	require.NoError(t, err)
	leaving := profile.Empty().With(profile.UserID, stored.Get(profile.UserID)).
		With(profile.PrimaryEmail, stored.Get(profile.PrimaryEmail)).
		With(profile.Active, c.build(value{profile.Active, false, ""}).Get(profile.Active))
	require.Equal(t, "update", c.posted(left, c.filtered(leaving, "hris").JSON()))
	staff, _ = c.matching("staff_information.staff=True&active=True")
	require.Len(t, staff, 68)
	require.NotContains(t, staff, left)
}
