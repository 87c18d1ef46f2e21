package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	metricsPage = "../docs/metrics.md"
	dashboard   = "../deploy/grafana/cis.json"
	alerts      = "../deploy/prometheus/cis-alerts.yaml"
)

// documented is a metric as the page lists it.
type documented struct{ name, kind, labels, help string }

func (d documented) row() string {
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", d.name, d.kind, d.labels, strings.ReplaceAll(d.help, "|", `\|`))
}

var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| (?:([`a-z_, ]*) \\| )?(.*) \\|$")

// page lists the metrics of the page.
func page(t *testing.T) map[string]documented {
	text, err := os.ReadFile(metricsPage)
	require.NoError(t, err)
	listed := map[string]documented{}
	for _, m := range metricRow.FindAllStringSubmatch(string(text), -1) {
		listed[m[1]] = documented{m[1], m[2], m[3], strings.ReplaceAll(m[4], `\|`, "|")}
	}
	return listed
}

// exposed is a metric as processes have it.
func exposed(f *dto.MetricFamily) documented {
	names := map[string]bool{}
	for _, metric := range f.GetMetric() {
		for _, label := range metric.GetLabel() {
			names["`"+label.GetName()+"`"] = true
		}
	}
	return documented{f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(slices.Sorted(maps.Keys(names)), ", "), f.GetHelp()}
}

// metricsAreDocumented compares the page's table of CIS's own metrics with what
// the processes have; CIS_UPDATE_DOCS=1 writes it anew. Of the SDK's, some come
// only with what goes wrong.
func (o *observed) metricsAreDocumented(t *testing.T) {
	table := "| metric | type | labels | what it tells |\n| --- | --- | --- | --- |\n"
	listed := page(t)
	for _, name := range slices.Sorted(maps.Keys(o.families)) {
		is := exposed(o.families[name])
		switch {
		case strings.HasPrefix(name, "cis_"):
			table += is.row()
			require.NotEmpty(t, is.help, name)
		case strings.HasPrefix(name, "temporal_"):
			require.Equal(t, documented{name: name, kind: is.kind, help: is.help}, listed[name], "it is not on the page as it is")
		default:
			require.Regexp(t, "^(go|process|promhttp)_", name)
		}
	}
	text, err := os.ReadFile(metricsPage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "<!-- cis metrics -->\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "<!-- end -->\n")
	require.True(t, found)
	should := before + "<!-- cis metrics -->\n" + table + "<!-- end -->\n" + after
	if os.Getenv("CIS_UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(metricsPage, []byte(should), 0o644))
		return
	}
	require.Equal(t, should, string(text), "write it anew with CIS_UPDATE_DOCS=1")
}

// queries are those of the dashboard and of the alerts.
func queries(t *testing.T) []string {
	var all []string
	var panels struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(dashboard)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &panels))
	for _, p := range panels.Panels {
		for _, target := range p.Targets {
			require.NotEmpty(t, target.Expr, p.Title)
			all = append(all, target.Expr)
		}
	}
	require.Greater(t, len(all), 20)
	for _, rule := range rules(t) {
		all = append(all, rule.Expr)
	}
	return all
}

type rule struct {
	Alert, Expr string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	var file struct{ Groups []struct{ Rules []rule } }
	text, err := os.ReadFile(alerts)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// ofTheScrape are the labels that Prometheus adds.
var ofTheScrape = []string{"job", "instance"}

// queriesAreAnswered checks that every query names only metrics that there are,
// with labels and label values that they have.
func (o *observed) queriesAreAnswered(t *testing.T) {
	listed := page(t)
	for _, query := range queries(t) {
		parsed, err := parser.ParseExpr(strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(query))
		require.NoError(t, err, query)
		labels, unseen := append([]string{"le"}, ofTheScrape...), false
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			name := selector.Name
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if base, cut := strings.CutSuffix(name, suffix); cut && o.families[base] != nil {
					require.Equal(t, dto.MetricType_HISTOGRAM, o.families[base].GetType(), query)
					name = base
				}
			}
			family := o.families[name]
			if family == nil { // one of the SDK that comes with failures
				require.Contains(t, listed, name, query)
				require.True(t, strings.HasPrefix(name, "temporal_"), query)
				unseen = true
				return nil
			}
			own := strings.Split(strings.ReplaceAll(exposed(family).labels, "`", ""), ", ")
			labels = append(labels, own...)
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name != "__name__" {
					require.Contains(t, append(own, ofTheScrape...), matcher.Name, query)
				}
			}
			return nil
		})
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			if by, ok := node.(*parser.AggregateExpr); ok && !unseen {
				require.Subset(t, labels, by.Grouping, query)
			}
			return nil
		})
	}
}

func TestAlertsAreRulesOfPrometheusAndSayWhatToDo(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, rule := range rules(t) {
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.Regexp(t, `^docs/operations\.md#[a-z-]+$`, rule.Annotations["runbook"], rule.Alert)
		require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
		require.False(t, names[rule.Alert], rule.Alert)
		names[rule.Alert] = true
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CIS_REQUIRE_TOOLS") == "" {
		t.Skip("NOT TESTED: promtool is not installed (Debian: prometheus)")
	}
	require.NoError(t, err)
	out, err := exec.Command(promtool, "check", "rules", "--lint-fatal", alerts).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
