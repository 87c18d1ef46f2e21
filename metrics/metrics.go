// Package metrics counts and times what a process does, for Prometheus.
//
// Label values are bounded: routes, codes, states and the names of what is
// configured, never an id or a text that a client has given. docs/metrics.md
// lists the metrics.
package metrics

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"
)

// Metrics are those of one process. A nil Metrics counts nothing, so that parts
// can be run without.
type Metrics struct {
	registry *prometheus.Registry
	temporal client.MetricsHandler

	requests *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	kept     *prometheus.CounterVec
	vault    *prometheus.HistogramVec
	open     *prometheus.GaugeVec
}

// The bounds of the histograms' buckets, in seconds: of what is answered at
// once, and of what may take days.
var (
	quick = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	slow  = []float64{.05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 4 * 24 * 3600}
)

// New returns the metrics of a process of this version.
func New(version string) (*Metrics, error) {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cis_http_request_duration_seconds", Buckets: quick,
			Help: "How long requests took, by the route's template, the method and the class of the status.",
		}, []string{"route", "method", "status"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cis_http_errors_total",
			Help: "Requests that were answered with an error, by its code: rate_limited is 429, unavailable 503.",
		}, []string{"route", "code"}),
		kept: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cis_kept_answers_total",
			Help: "Look-ups of people by whether they were answered with what had been kept of an earlier one (hit) or the profile was read (miss).",
		}, []string{"result"}),
		vault: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cis_vault_call_duration_seconds", Buckets: quick,
			Help: "How long calls of the vault took, by how they ended: ok, refused (nothing found, or an invalid call), canceled by the caller, or error.",
		}, []string{"call", "result"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cis_open_changes",
			Help: "Change sets under way by state, as Temporal's visibility counts them. Every worker tells the same number: take the maximum.",
		}, []string{"state"}),
	}
	built := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cis_build_info", Help: "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	built.Set(1)
	m.registry.MustRegister(m.requests, m.errors, m.kept, m.vault, m.open, built,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	m.temporal, err = newTemporal(m.registry)
	return m, err
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// methods are those that clients may be counted by; others could be anything.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions}

// Request counts a request to a route, "" where there was none, that was
// answered with this status, and where it was an error, its code.
func (m *Metrics) Request(route, method string, status int, code string, took time.Duration) {
	if m == nil {
		return
	}
	if route == "" {
		route = "none"
	}
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
	if code != "" {
		m.errors.WithLabelValues(route, code).Inc()
	}
}

// KeptAnswer counts a look-up that was answered with what had been kept, or not.
func (m *Metrics) KeptAnswer(hit bool) {
	if m == nil {
		return
	}
	result := "miss"
	if hit {
		result = "hit"
	}
	m.kept.WithLabelValues(result).Inc()
}

// Open says how many change sets are in a state, and NotKnown that nobody can
// tell now.
func (m *Metrics) Open(state string, n int64) { m.open.WithLabelValues(state).Set(float64(n)) }

// NotKnown takes back what Open has said: no number is better than an old one.
func (m *Metrics) NotKnown() { m.open.Reset() }
