package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is a figure: something measured, beside the reference that it is
// compared with.
type row struct {
	what                string
	unit                string    // of both sides
	reference, measured []float64 // a round each, by turns
	atLeast, atMost     float64   // what the ratio must be; 0 where nothing is required
}

// ratio is that of the medians.
func (r row) ratio() float64 { return median(r.measured) / median(r.reference) }

// spread is between which ratios the middle half of the rounds lies.
func (r row) spread() (from, to float64) {
	ratios := make([]float64, len(r.measured))
	for i := range ratios {
		ratios[i] = r.measured[i] / r.reference[i]
	}
	return quantile(ratios, 0.25), quantile(ratios, 0.75)
}

func (r row) met() bool {
	return (r.atMost == 0 || r.ratio() <= r.atMost) && r.ratio() >= r.atLeast
}

// verdict says what is required of the ratio, and whether it is met.
func (r row) verdict() (required, met string) {
	switch {
	case r.atMost > 0:
		required = fmt.Sprintf("≤ %.2f", r.atMost)
	case r.atLeast > 0:
		required = fmt.Sprintf("≥ %.2f", r.atLeast)
	default:
		return "", ""
	}
	if r.met() {
		return required, "yes"
	}
	return required, "NO"
}

type table []row

func (t table) met() bool {
	return !slices.ContainsFunc(t, func(r row) bool { return !r.met() })
}

// print writes the table as Markdown, aligned.
func (t table) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	line := func(cells ...string) { fmt.Fprintln(w, "| "+strings.Join(cells, "\t| ")+"\t|") }
	line("what", "reference", "measured", "ratio", "middle half", "required", "met")
	line("---", "---", "---", "---", "---", "---", "---")
	for _, r := range t {
		from, to := r.spread()
		required, met := r.verdict()
		line(r.what, r.value(r.reference), r.value(r.measured), fmt.Sprintf("%.2f", r.ratio()),
			fmt.Sprintf("%.2f–%.2f", from, to), required, met)
	}
	_ = w.Flush()
}

func (r row) value(rounds []float64) string {
	digits := 0
	if median(rounds) < 100 {
		digits = 2
	}
	return fmt.Sprintf("%.*f %s", digits, median(rounds), r.unit)
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns the smallest of the values that at least the share q of them
// does not exceed.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
