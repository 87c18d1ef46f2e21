// Package health tells whether a process lives and can do its work, at /healthz
// and /readyz.
package health

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Check is a part that the process needs.
type Check struct {
	// Name is what the part is called in the answers.
	Name string
	// Ask returns an error while the part cannot serve. It may be asked at any
	// time, by one caller at once.
	Ask func(context.Context) error
}

// Checks answer for a process. The zero value is not usable; see New.
type Checks struct {
	checks []Check
	logger *slog.Logger

	leaving atomic.Bool

	mu     sync.Mutex // held by whoever asks the parts
	asked  time.Time
	states map[string]string
}

const (
	// Within is how long a part may take to answer, and so Readyz.
	Within = 3 * time.Second
	// keep is how long an answer counts, so that probes cost nothing, however
	// many there are.
	keep = time.Second
)

// What is said of a part.
const (
	fine     = "ok"
	away     = "unavailable"
	stopping = "stopping"
)

// process is the part that is the process itself.
const process = "process"

// New returns the checks of a process that needs these parts.
func New(logger *slog.Logger, checks ...Check) *Checks {
	return &Checks{checks: checks, logger: logger, states: map[string]string{}}
}

// Leave makes the process not ready from now on: it is about to stop.
func (c *Checks) Leave() { c.leaving.Store(true) }

// Healthz answers that the process lives.
func (c *Checks) Healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": fine})
}

// Readyz answers whether every part can serve, each on a line of its own; 503
// when one cannot. Why is in the log, not here.
func (c *Checks) Readyz(w http.ResponseWriter, r *http.Request) {
	parts := c.ask(r.Context())
	status := http.StatusOK
	for _, state := range parts {
		if state != fine {
			status = http.StatusServiceUnavailable
		}
	}
	answer(w, status, parts)
}

// Handler serves both.
func (c *Checks) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", c.Healthz)
	mux.HandleFunc("GET /readyz", c.Readyz)
	return mux
}

// Parts tells of every part whether it can serve, as /readyz does.
func (c *Checks) Parts(ctx context.Context) map[string]bool {
	parts := map[string]bool{}
	for name, state := range c.ask(ctx) {
		parts[name] = state == fine
	}
	return parts
}

// ask returns the state of every part, as it was not long ago.
func (c *Checks) ask(ctx context.Context) map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) >= keep {
		// What is found counts for others, too, so it does not end with the
		// one who happens to ask.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Within)
		defer cancel()
		c.askAll(ctx)
		c.asked = time.Now()
	}
	parts := map[string]string{process: fine}
	if c.leaving.Load() {
		parts[process] = stopping
	}
	for name, state := range c.states {
		parts[name] = state
	}
	return parts
}

// askAll asks all parts at once, and logs what has changed.
func (c *Checks) askAll(ctx context.Context) {
	errs := make([]error, len(c.checks))
	var asking sync.WaitGroup
	for i, check := range c.checks {
		asking.Go(func() { errs[i] = check.Ask(ctx) })
	}
	asking.Wait()
	for i, check := range c.checks {
		before, now := c.states[check.Name], fine
		if errs[i] != nil {
			now = away
		}
		c.states[check.Name] = now
		switch {
		case now == away && before != away:
			c.logger.Warn("not ready", "part", check.Name, "error", errs[i])
		case now == fine && before == away:
			c.logger.Info("ready again", "part", check.Name)
		}
	}
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(body)
}
