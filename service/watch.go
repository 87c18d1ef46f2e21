package service

import (
	"context"
	"net/http"
	"os"
	"time"

	"cis/config"
	"cis/metrics"
	"cis/tracing"
)

// Watch is what shows what a process does. The zero value shows nothing.
type Watch struct {
	Metrics *metrics.Metrics
	Traces  *tracing.Traces
}

// flush is how long a process that ends may take to send the spans that it has.
const flush = 3 * time.Second

// NewWatch returns the metrics of a process, and the traces that the variables
// of OpenTelemetry ask for. They are to be stopped last.
func NewWatch(ctx context.Context, version string) (w Watch, err error) {
	if w.Metrics, err = metrics.New(version); err != nil {
		return w, err
	}
	w.Traces, err = tracing.Start(ctx, version, os.Getenv)
	return w, err
}

// Stop sends the spans that have not been sent.
func (w Watch) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), flush)
	defer cancel()
	_ = w.Traces.Stop(ctx) // a collector that is away has lost others before
}

func (p *running) watch(ctx context.Context) (err error) {
	p.Watch, err = NewWatch(ctx, p.Version)
	p.closers.add(p.Watch.Stop)
	return err
}

// expose lets the metrics tell how the parts and the key sets are.
func (p *running) expose(keys *documentKeys) {
	sets := map[string]metrics.KeySet{"publishers": {Fetched: keys.fetched, Failures: keys.failures.Load}}
	if p.role&config.ServesAPI != 0 {
		sets["tokens"] = metrics.KeySet{Fetched: p.Tokens.KeysFetched, Failures: p.Tokens.KeyFailures}
	}
	p.Watch.Metrics.KeySets(sets)
	p.Watch.Metrics.Parts(p.Health.Parts)
}

// adminHandler tells how the process is.
func (p *running) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", p.Health.Handler())
	mux.Handle("GET /metrics", p.Watch.Metrics.Handler())
	return mux
}
