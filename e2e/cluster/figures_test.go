package cluster

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// figures prints how fast it was and what it took.
func (l *load) figures(sending, publishing time.Duration) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer out.Flush()
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+"\t"+format+"\n", args...) }
	requests, pending := 0, 0
	var took, last []time.Duration
	for _, a := range l.all {
		requests += a.tries
		took, last = append(took, a.took), append(last, a.last)
		if a.pending {
			pending++
		}
	}
	line("changes", "%d of %d people by %d clients, seed %d", len(l.all), l.size.people, l.size.clients, l.size.seed)
	line("acknowledged", "in %s, %.1f a second", sending.Round(time.Second/10), float64(len(l.all))/sending.Seconds())
	line("an acknowledgement took", "%s, retries included %s", percentiles(last), percentiles(took))
	line("before it was stored", "%d (answer 202)", pending)
	line("requests", "%d: %d were sent again; answers that were none: %v", requests, requests-len(l.all), l.errors)
	line("published everywhere", "%s after the last acknowledgement", publishing.Round(time.Second/10))
	for _, r := range l.c.receivers {
		line("receiver "+r.name, "%d deliveries of %d", r.deliveries, len(l.all))
	}
	for _, p := range l.c.processes {
		line(p.name, "killed %d times, ready again after %s at most; ended by itself %d times", p.kills, slices.Max(p.downtime).Round(time.Millisecond), p.itself)
	}
}

// percentiles are the median and the 95th of some times.
func percentiles(times []time.Duration) string {
	slices.Sort(times)
	at := func(percent int) time.Duration { return times[(len(times)-1)*percent/100].Round(time.Millisecond) }
	return fmt.Sprintf("p50 %s, p95 %s, at most %s", at(50), at(95), at(100))
}
