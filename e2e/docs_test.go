package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium that notes what its page asks for, and what
// it complains of: what the page's policy forbids is among that.
type browser struct {
	t          *testing.T
	tab        context.Context
	mu         sync.Mutex
	requests   []string
	complaints []string
}

func newBrowser(t *testing.T) *browser {
	tool, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CIS_REQUIRE_TOOLS") == "" {
		t.Skip("NOT TESTED: chromium is not installed (Debian: chromium)")
	}
	require.NoError(t, err)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(tool), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 1600), chromedp.ProxyServer(newProxy(t)), chromedp.Flag("proxy-bypass-list", "<-loopback>"))...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	tab, giveUp := context.WithTimeout(tab, 2*time.Minute)
	t.Cleanup(giveUp)
	b := &browser{t: t, tab: tab}
	require.NoError(t, chromedp.Listen(tab, b.note))
	return b
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	require.NoError(b.t, chromedp.Do(b.tab, steps...))
}

func (b *browser) text(selector chromedp.CSS) string {
	text, err := chromedp.Run(b.tab, chromedp.Text(selector))
	require.NoError(b.t, err)
	return strings.TrimSpace(text)
}

func TestTheDocumentIsBrowsedWithNothingFromElsewhere(t *testing.T) {
	p := start(t)
	require.Equal(t, http.StatusOK, p.post(p.newcomer("ad|Mozilla-LDAP|jdoe")).status) // who is the document's example
	b := newBrowser(t)
	b.do(chromedp.Navigate(p.url("/docs")), chromedp.WaitVisible(chromedp.CSS(".opblock")))
	shown, err := chromedp.Run(b.tab, chromedp.Evaluate[[]string](`Array.from(document.querySelectorAll(".opblock-summary"), o =>
		o.querySelector(".opblock-summary-method").innerText + " " + o.querySelector("[data-path]").dataset.path)`))
	require.NoError(t, err)
	var documented []string
	for path, item := range document.model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().KeysFromOldest() {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	require.ElementsMatch(t, documented, shown)

	const operation chromedp.CSS = "#operations-People-personByUserId "
	b.do(chromedp.Click(chromedp.CSS(".btn.authorize")), chromedp.SendKeys(chromedp.CSS(".modal-ux input"), p.token()),
		chromedp.Click(chromedp.CSS(".modal-ux .authorize")), chromedp.Click(chromedp.CSS(".modal-ux .btn-done")),
		chromedp.Click(operation+".opblock-summary-control"), chromedp.Click(operation+".try-out__btn"),
		chromedp.Click(operation+".execute"))
	require.Equal(t, "200", b.text(operation+".live-responses-table .response .response-col_status"))
	require.Contains(t, b.text(operation+".live-responses-table .response .response-col_description"), `"Lovelace"`)

	const schema = operation + ".responses-table:not(.live-responses-table) .response "
	b.do(chromedp.Click(schema + `[data-name="model"]`))
	require.Contains(t, b.text(schema+".json-schema-2020-12"), "One of")

	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.complaints)
	require.Contains(t, b.requests, p.url("/openapi.yaml"))
	for _, request := range b.requests {
		require.True(t, strings.HasPrefix(request, p.url("/")) || strings.HasPrefix(request, "data:"), request)
	}
}

// What no other test asks for is said here, for the contract's sake.
func TestTheDocumentsOtherAnswers(t *testing.T) {
	p := start(t, "--rate-limit", "30")
	token := p.token()
	require.Equal(t, http.StatusOK, p.must(http.MethodPut, "/v2/users", token, array([][]byte{p.newcomer(ada)})).status)
	const byID, listed, named = "/v2/user/user_id/ad%7CMozilla-LDAP%7Cada", "/v2/users/id/all?connectionMethod=ad", "/v2/user/metadata/ada%40example.org"
	const found = "/v2/users/id/all/by_attribute_contains?staff_information.staff=true"
	const graph = "/graphql?query=%7Bprofiles%7Bitems%7Bschema%7D%7D%7D"
	for _, test := range []struct {
		status       int
		method, path string
		token, body  string
		headers      []string
	}{
		{200, "GET", "/healthz", "", "", nil},
		{200, "HEAD", "/readyz", "", "", nil},
		{400, "GET", "/healthz?%", "", "", nil},
		{200, "HEAD", "/v2/version", "", "", nil},
		{200, "GET", "/.well-known/profile.schema", "", "", nil},
		{200, "HEAD", "/docs", "", "", nil},
		{200, "GET", "/docs/page.js", "", "", nil},
		{404, "GET", "/docs/index.html", "", "", nil},
		{403, "PUT", "/v2/users", p.token("display:all"), "[]", nil},
		{401, "PUT", "/v2/users", "", "[]", nil},
		{200, "OPTIONS", "/v2/user", "", "", []string{"Origin", "http://example.org", "Access-Control-Request-Method", "POST"}},
		{200, "GET", byID, token, "", []string{"Origin", "http://example.org", "X-Request-Id", "one"}},
		{200, "HEAD", byID, token, "", nil},
		{304, "GET", byID, token, "", []string{"If-None-Match", "*"}},
		{304, "GET", "/v2/users", token, "", []string{"If-None-Match", "*"}},
		{304, "HEAD", listed, token, "", []string{"If-None-Match", "*"}},
		{401, "GET", listed, "", "", nil},
		{401, "GET", found, p.token("write"), "", nil},
		{200, "GET", found + "&fullProfiles=True&filterDisplay=staff", token, "", nil},
		{401, "GET", "/v2/status?sequenceNumber=1", "garbage", "", nil},
		{200, "GET", named, token, "", nil},
		{401, "GET", named, "garbage", "", nil},
		{200, "GET", graph, token, "", nil},
		{304, "GET", graph, token, "", []string{"If-None-Match", "*"}},
		{400, "GET", "/graphql", token, "", nil},
		{200, "GET", "/graphql?query=%7Bnothing%7D", token, "", nil},
		{200, "POST", "/graphql", token, `{"query":"query($id:String){profile(userId:$id){firstName{value}}}","variables":{"id":"ad|Mozilla-LDAP|ada"}}`, nil},
		{400, "POST", "/graphql", token, `{"query":`, nil},
		{200, "POST", "/graphql", token, `{"query":"{a:profiles(first:60){nextPage} b:profiles(first:60){nextPage}}"}`, nil},
		{413, "POST", "/graphql", token, `{"query":"` + strings.Repeat(" ", 1<<20) + `"}`, nil},
		{401, "POST", "/graphql", "", `{}`, nil},
	} {
		r := p.must(test.method, test.path, test.token, []byte(test.body), test.headers...)
		require.Equal(t, test.status, r.status, "%s %s: %s", test.method, test.path, r.text)
	}
	require.Eventually(t, func() bool { return p.must(http.MethodGet, "/v2/status?sequenceNumber=1", "", nil).status == 429 },
		20*time.Second, time.Millisecond)
}
