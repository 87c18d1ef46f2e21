package e2e

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/profile"
	"cis/workflows"
)

// canary is in every value of the profile of the person whom observe is about,
// and in nothing else.
const (
	canary   = "zqcanary"
	canaryID = "ad|Mozilla-LDAP|" + canary
)

// observed is what a deployment of cis has shown of itself while it did all that
// is counted.
type observed struct {
	*site
	collector *collector
	hook      *receiver
	logs      string // of all processes
	scraped   string // metrics of all processes, one after the other
	families  map[string]*dto.MetricFamily
	created   string // sequence number of the change that created the person
	person    string // pseudonym
}

const (
	observedRequest = "monday-1"
	observedTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// observe lets processes that log everything carry changes out, refuse them, and
// fail at them.
func observe(t *testing.T) *observed {
	o := &observed{site: newSite(t), collector: newCollector(t), hook: newReceiver(t)}
	o.env = append(o.collector.env(), "CIS_LOG_LEVEL=debug")
	worker := o.start("worker", map[string]any{
		"webhooks.subscriptions": []any{"payroll=" + o.hook.address}, "webhooks.retries": []string{"100ms"}, "directory.retries": []string{"100ms"},
	})
	api := o.start("api", map[string]any{"api.rate-limit": 50})
	o.person = profile.PersonUUID(o.dev.salt(), canaryID).String()

	o.succeed(api)
	o.beRefused(api)
	o.park(api)
	o.read(api)
	o.fail(api)

	require.Eventually(t, func() bool {
		return strings.Contains(scrape(t, worker), `cis_open_changes{state="NeedsAttention"} 1`)
	}, time.Minute, 100*time.Millisecond, "what waits is counted")
	o.families = map[string]*dto.MetricFamily{}
	for _, p := range []*process{api, worker} {
		text := scrape(t, p)
		o.scraped += text
		parser := expfmt.NewTextParser(model.LegacyValidation)
		found, err := parser.TextToMetricFamilies(strings.NewReader(text))
		require.NoError(t, err)
		for name, family := range found {
			if known := o.families[name]; known != nil {
				family.Metric = append(family.Metric, known.Metric...)
			}
			o.families[name] = family
		}
	}
	api.stop()
	worker.stop() // which sends the last spans
	o.logs = api.said() + worker.said()
	return o
}

func scrape(t *testing.T, p *process) string {
	response, err := http.Get("http://" + p.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func (o *observed) values() []value {
	return []value{
		{"first_name", canary + " first", "public"}, {"last_name", canary + " last", "staff"},
		{profile.PrimaryEmail, canary + "@example.org", "ndaed"},
		{"access_information.ldap", map[string]any{canary + "_group": nil}, "staff"},
	}
}

func (o *observed) succeed(p *process) {
	r := p.post(p.newcomer(canaryID, o.values()...), "X-Request-Id", observedRequest, "traceparent", "00-"+observedTrace+"-00f067aa0ba902b7-01")
	require.Equal(o.t, http.StatusOK, r.status, r.text)
	o.created = r.body["sequence_number"].(string)
	p.await(o.created, "Completed")
	batch := p.batch([][]byte{p.newcomer("email|" + canary + "1"), p.newcomer("email|" + canary + "2")})
	require.Equal(o.t, http.StatusOK, batch.status, batch.text)
}

func (o *observed) beRefused(p *process) {
	for body, status := range map[string]int{
		string(p.signed("mozilliansorg", canaryID, value{profile.PrimaryEmail, canary + "@example.com", "ndaed"})):                      http.StatusForbidden,
		strings.ReplaceAll(string(p.newcomer(canaryID, value{"last_name", "Forged", "staff"})), "Forged", canary):                       http.StatusForbidden,
		fmt.Sprintf(`{"user_id":{"value":%q},"%s":{"value":"%s"}}`, canaryID, canary, canary):                                           http.StatusBadRequest,
		fmt.Sprintf(`{"user_id":{"value":%q},"access_information":{"ldap":{"values":{%q:%q,%q:1}}}}`, canaryID, canary, canary, canary): http.StatusBadRequest,
		`{"` + canary: http.StatusBadRequest,
	} {
		require.Equal(o.t, status, p.post([]byte(body)).status, body)
	}
}

// park lets the receiver, who knows the person, say so while it refuses.
func (o *observed) park(p *process) {
	o.hook.mu.Lock()
	o.hook.says = canary + "@example.org is not known to us, " + canary + " last"
	o.hook.mu.Unlock()
	c := o.operator()
	park := func(name string) string {
		r := p.post(p.signed("mozilliansorg", canaryID, value{"first_name", name, "public"}))
		require.Equal(o.t, http.StatusOK, r.status, r.text)
		number := r.body["sequence_number"].(string)
		p.await(number, "NeedsAttention")
		return number
	}
	o.hook.answer(http.StatusInternalServerError)
	id := workflows.ID(change.Number(park(canary + " one")))
	_, err := decide(c, id, workflows.UpdateRetry, "webhook/payroll")
	require.NoError(o.t, err)
	require.Eventually(o.t, func() bool {
		_, err = decide(c, id, workflows.UpdateSkip, workflows.SkipRequest{Target: "webhook/payroll", Reason: canary + " left"})
		return err == nil
	}, 20*time.Second, 100*time.Millisecond, "it parks again, and is skipped")
	park(canary + " two")
}

func (o *observed) read(p *process) {
	all := p.token()
	for _, path := range []string{
		"/v2/user/user_id/" + url.PathEscape(canaryID), "/v2/user/user_id/" + url.PathEscape(canaryID),
		"/v2/user/primary_email/" + canary + "%40example.org", "/v2/user/metadata/" + canary + "%40example.org",
		"/v2/users/id/all?connectionMethod=" + canary, "/v2/users/id/all/by_attribute_contains?access_information.ldap=" + canary + "_group",
		"/graphql?query=" + url.QueryEscape(fmt.Sprintf(`{profile(primaryEmail:"%s@example.org"){firstName{value}}}`, canary)),
		"/graphql?query=" + canary, "/v2/" + canary, "/v2/status?sequenceNumber=" + canary, "/v2/users?nextPage=" + canary,
	} {
		_, err := p.call(http.MethodGet, path, all, nil)
		require.NoError(o.t, err)
	}
	_, err := p.call(http.MethodPost, "/v2/user", "Bearer."+canary, nil)
	require.NoError(o.t, err)
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() { _, _ = p.call(http.MethodGet, "/v2/users/id/all?connectionMethod=x", all, nil) })
	}
	wait.Wait()
}

// fail lets the vault hold something that is no profile.
func (o *observed) fail(p *process) {
	vault, err := sql.Open("sqlite", "file:"+o.settings["vault.file"].(string))
	require.NoError(o.t, err)
	defer vault.Close()
	_, err = vault.Exec(`UPDATE identity_vault SET profile = '{"` + canary + `', sequence_number = '64' WHERE id = '` + canaryID + `'`)
	require.NoError(o.t, err)
	time.Sleep(5 * time.Second) // until the client's requests are served again
	for _, path := range []string{"/v2/user/user_id/" + url.PathEscape(canaryID), "/v2/users/id/all/by_attribute_contains?fullProfiles=true&access_information.ldap=" + canary + "_group"} {
		r := p.must(http.MethodGet, path, p.token("display:staff", "search:all"), nil)
		require.Equal(o.t, http.StatusInternalServerError, r.status, r.text)
	}
}

func TestWhatADeploymentShowsOfItself(t *testing.T) {
	t.Parallel()
	o := observe(t)
	t.Run("nothing of a profile", o.showsNoProfile)
	t.Run("logs that name the change, the person and the request", o.logsAreFound)
	t.Run("traces from the request to the delivery", o.tracesHangTogether)
	t.Run("the metrics that docs/metrics.md lists", o.metricsAreDocumented)
	t.Run("what the dashboard and the alerts ask for", o.queriesAreAnswered)
}

func (o *observed) showsNoProfile(t *testing.T) {
	for name, text := range map[string]string{"logs": o.logs, "metrics": o.scraped, "spans": o.collector.text()} {
		require.NotEmpty(t, text)
		for line := range strings.Lines(text) {
			require.NotContains(t, strings.ToLower(line), canary, "%s", name)
		}
	}
}

func (o *observed) logsAreFound(t *testing.T) {
	for what, pattern := range map[string]string{
		"the request":       `"msg":"request".*"route":"/v2/user".*"change":"` + o.created + `","person":"` + o.person + `","request_id":"` + observedRequest + `"`,
		"the decision":      `"msg":"decided".*"change":"` + o.created + `","person":"` + o.person + `","request_id":"` + observedRequest + `","result":"create","publishers":\["ldap"\]`,
		"the publication":   `"msg":"target published".*"request_id":"` + observedRequest + `","target":"ldap".*"change":"` + o.created + `"`,
		"a failed delivery": `"level":"WARN","msg":"not published".*"person":"` + o.person + `".*"kind":"retry","reason":"subscription payroll answered 500 Internal Server Error"`,
		"the SDK's word":    `"msg":"Activity error.".*"Error":"an error of type retry","change":"\d+"`,
		"a broken profile":  `"msg":"a stored profile cannot be read","component":"api","change":"64","request_id":"`,
	} {
		require.Regexp(t, regexp.MustCompile(pattern), o.logs, what)
	}
}
