package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
)

// document is what every exchange with an API is checked against.
var document *contract

// processes are those whose APIs have an address, by the address.
var processes sync.Map

func processAt(address string) *process {
	p, _ := processes.Load(address)
	known, _ := p.(*process)
	return known
}

// check fails the process's test when the document does not allow an exchange.
func check(p *process, e exchange) {
	if violations := document.violations(e); len(violations) > 0 {
		p.t.Errorf("api/openapi.yaml does not allow what was said: %s %s, answered %d\n    %.3000s",
			e.request.Method, e.request.URL, e.response.StatusCode, strings.Join(violations, "\n    "))
	}
}

// checked checks what is said to the APIs and what they answer. It is the
// transport of every HTTP client of these tests.
type checked struct{ http.RoundTripper }

func (c checked) RoundTrip(request *http.Request) (*http.Response, error) {
	p := processAt(request.URL.Host)
	if p == nil {
		return c.RoundTripper.RoundTrip(request)
	}
	e := exchange{request: request}
	outgoing := request.Clone(request.Context())
	if request.Body != nil {
		var err error
		e.sent, err = io.ReadAll(request.Body)
		_ = request.Body.Close()
		if err != nil {
			return nil, err
		}
		outgoing.Body = io.NopCloser(bytes.NewReader(e.sent))
	}
	response, err := c.RoundTripper.RoundTrip(outgoing)
	if err != nil {
		return nil, err
	}
	e.response = response
	e.received, err = io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(e.received))
	check(p, e)
	return response, nil
}

// newProxy is an HTTP proxy for other programs: what they say to the APIs is
// checked, and they reach nothing beyond this machine.
func newProxy(t *testing.T) string {
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Host, "127.0.0.1:") {
			http.Error(w, "there is nothing out there", http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// through are the environment variables that make a program use a proxy.
func through(proxy string) []string {
	return []string{"http_proxy=" + proxy, "no_proxy=", "NO_PROXY="}
}
