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
	p := start(t, "--rate-limit", "20")
	token := p.token()
	status := func(method, path, token string, body []byte, headers ...string) int {
		return p.must(method, path, token, body, headers...).status
	}
	for _, path := range []string{"/healthz", "/readyz", "/v2/version", "/.well-known/profile.schema", "/docs", "/docs/page.js"} {
		require.Equal(t, 200, status(http.MethodGet, path, "", nil), path)
		require.Equal(t, 200, status(http.MethodHead, path, "", nil), path)
	}
	require.Equal(t, 404, status(http.MethodGet, "/docs/index.html", "", nil))
	require.Equal(t, 200, status(http.MethodPut, "/v2/users", token, array([][]byte{p.newcomer(ada)})))
	require.Equal(t, 403, status(http.MethodPut, "/v2/users", p.token("display:all"), array(nil)))
	require.Equal(t, 401, status(http.MethodPut, "/v2/users", "", array(nil)))
	require.Equal(t, 401, status(http.MethodGet, "/v2/users/id/all/by_attribute_contains?staff_information.staff=true", p.token("write"), nil))
	require.Equal(t, 401, status(http.MethodGet, "/v2/status?sequenceNumber=1", "garbage", nil))
	require.Equal(t, 401, status(http.MethodGet, "/v2/user/metadata/ada%40example.org", "garbage", nil))
	for _, path := range []string{"/v2/user/user_id/ad%7CMozilla-LDAP%7Cada", "/v2/users", "/v2/users/id/all?connectionMethod=ad"} {
		require.Equal(t, 200, status(http.MethodHead, path, token, nil), path)
		require.Equal(t, 304, status(http.MethodGet, path, token, nil, "If-None-Match", "*"), path)
	}
	require.Equal(t, 200, status(http.MethodOptions, "/v2/user", "", nil, "Origin", "http://example.org", "Access-Control-Request-Method", "POST"))
	require.Eventually(t, func() bool { return status(http.MethodGet, "/v2/status?sequenceNumber=1", "", nil) == 429 },
		20*time.Second, time.Millisecond)
}
