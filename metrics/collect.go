package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collector asks for what it exposes each time that it is scraped.
type collector struct {
	descriptions []*prometheus.Desc
	collect      func(chan<- prometheus.Metric)
}

func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		to <- d
	}
}

func (c collector) Collect(to chan<- prometheus.Metric) { c.collect(to) }

// Parts exposes whether each part that the process needs can serve.
func (m *Metrics) Parts(ask func(context.Context) map[string]bool) {
	ready := prometheus.NewDesc("cis_part_ready",
		"1 while a part that the process needs can serve, 0 while it cannot; as /readyz tells it.", []string{"part"}, nil)
	m.registry.MustRegister(collector{[]*prometheus.Desc{ready}, func(to chan<- prometheus.Metric) {
		for part, fine := range ask(context.Background()) {
			value := 0.0
			if fine {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(ready, prometheus.GaugeValue, value, part)
		}
	}})
}

// KeySet is a key set that is fetched again and again.
type KeySet struct {
	// Fetched is when it was fetched last, the zero time if never.
	Fetched func() time.Time
	// Failures is how often it could not be.
	Failures func() uint64
}

// KeySets expose how the key sets are, by their names.
func (m *Metrics) KeySets(sets map[string]KeySet) {
	fetched := prometheus.NewDesc("cis_key_set_fetched_timestamp_seconds",
		"When a key set was fetched last: that of the token issuer (tokens), or of all well-known documents the oldest (publishers).", []string{"keys"}, nil)
	failures := prometheus.NewDesc("cis_key_set_failures_total",
		"How often a key set could not be fetched.", []string{"keys"}, nil)
	m.registry.MustRegister(collector{[]*prometheus.Desc{fetched, failures}, func(to chan<- prometheus.Metric) {
		for name, set := range sets {
			if at := set.Fetched(); !at.IsZero() {
				to <- prometheus.MustNewConstMetric(fetched, prometheus.GaugeValue, float64(at.UnixMilli())/1000, name)
			}
			to <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, float64(set.Failures()), name)
		}
	}})
}
