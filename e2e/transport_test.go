package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
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
	var sent beginning
	outgoing := request.Clone(request.Context())
	if request.Body != nil {
		outgoing.Body = copied{io.TeeReader(request.Body, &sent), request.Body}
	}
	response, err := c.RoundTripper.RoundTrip(outgoing)
	if err != nil {
		return nil, err
	}
	e.response = response
	e.sent, e.cut = sent.kept()
	e.received, err = io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(e.received))
	check(p, e)
	return response, nil
}

// copied is a body that is kept while it is read.
type copied struct {
	io.Reader
	io.Closer
}

// beginning keeps what is written to it, up to a limit: some requests here have
// no end. A transport may go on reading a request while it has the answer.
type beginning struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

const mostKept = 4 << 20

func (b *beginning) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut = b.cut || len(b.text)+len(p) > mostKept; !b.cut {
		b.text = append(b.text, p...)
	}
	return len(p), nil
}

func (b *beginning) kept() (text []byte, cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.text), b.cut
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
