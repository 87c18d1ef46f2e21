package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
	"cis/vault"
)

func TestTheCrowdsProfilesAreValidAndOfUsualSize(t *testing.T) {
	for signed, sizes := range map[bool][2]int{true: {24_000, 32_000}, false: {18_000, 20_000}} {
		c, total := newCrowd(1000, signed), 0
		for n := range c.size {
			w, err := c.write(n)
			require.NoError(t, err)
			require.NoError(t, w.Validate())
			total += len(w.Record.Profile)
			if n%50 == 0 {
				require.NoError(t, schema.Validate(w.Record.Profile), "%s", w.Record.Profile)
			}
		}
		require.Greater(t, total/c.size, sizes[0])
		require.Less(t, total/c.size, sizes[1])
	}
}

func TestARecordRepeatsItsProfile(t *testing.T) {
	c := newCrowd(400, false)
	seen := map[string]bool{}
	for n := range c.size {
		w, err := c.write(n)
		require.NoError(t, err)
		p, err := profile.Parse(w.Record.Profile)
		require.NoError(t, err)
		r := w.Record
		require.Equal(t, []string{r.ID, r.UUID, r.PrimaryEmail, r.PrimaryUsername},
			[]string{p.String(profile.UserID), p.String(profile.UUID), p.String(profile.PrimaryEmail), p.String(profile.PrimaryUsername)})
		require.Equal(t, r.Active, p.Bool(profile.Active))
		var terms []vault.Term
		for _, term := range p.Terms() {
			terms = append(terms, vault.Term{Attribute: string(term.Attribute), Value: term.Value})
		}
		require.ElementsMatch(t, terms, w.Terms)
		require.False(t, seen[r.ID])
		seen[r.ID] = true
	}
}

func TestACrowdOfAnySizeHasTheSameNumberOfSpecials(t *testing.T) {
	for _, size := range []int{1000, 2000} {
		c, special, common := newCrowd(size, false), 0, 0
		for n := range size {
			w, err := c.write(n)
			require.NoError(t, err)
			for _, term := range w.Terms {
				switch term.Value {
				case specialGroup:
					special++
				case commonGroup:
					common++
				}
			}
		}
		require.Equal(t, specials, special)
		require.InDelta(t, 0.6, float64(common)/float64(size), 0.1)
	}
}

// TestEveryRequestIsAnswered asks all that is measured once, of a small vault.
func TestEveryRequestIsAnswered(t *testing.T) {
	gin.SetMode(gin.TestMode)
	s, err := newService(t.Context(), newCrowd(400, false))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	for _, a := range asks() {
		l, err := a.of(s)
		require.NoError(t, err)
		l.paths = l.paths[:min(len(l.paths), 20)]
		answers, err := l.answers(t.Context())
		require.NoError(t, err)
		for i, body := range answers {
			var answer struct {
				UserID *struct{ Value string } `json:"user_id"`
				Users  []any
			}
			require.NoError(t, json.Unmarshal(body, &answer))
			if strings.HasPrefix(a.what, "look-up") {
				require.NotNil(t, answer.UserID, l.paths[i])
			} else {
				require.NotEmpty(t, answer.Users, "%s: %s", a.what, l.paths[i])
			}
		}
	}
}

func TestTheReferenceAnswersWithTheSameBytes(t *testing.T) {
	gin.SetMode(gin.TestMode)
	s, err := newService(t.Context(), newCrowd(200, false))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	for _, scopes := range []string{everything, publicOnly} {
		reference, measured, err := s.besideGin(t.Context(), vault.KeyUUID, scopes)
		require.NoError(t, err)
		require.Len(t, reference.paths, len(measured.paths))
		bare, err := reference.answers(t.Context())
		require.NoError(t, err)
		ours, err := measured.answers(t.Context())
		require.NoError(t, err)
		for n := range bare {
			require.Equal(t, string(ours[n]), string(bare[n]))
			require.Contains(t, string(ours[n]), "user_id")
		}
	}
}

func TestAnAnswerThatIsNoSuccessIsAnError(t *testing.T) {
	s := &service{}
	url, err := s.serve("test", http.NotFoundHandler())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	l := &load{server: url, paths: []string{"/"}}
	_, err = l.answers(t.Context())
	require.ErrorContains(t, err, "404")
	l.connect(2)
	defer l.close()
	_, _, err = l.round(t.Context(), time.Second)
	require.ErrorContains(t, err, "404")
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for q, want := range map[float64]float64{0: 1, 0.25: 25, 0.5: 50, 0.95: 95, 1: 100} {
		require.InDelta(t, want, quantile(hundred, q), 0, "%v", q)
	}
	require.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 7, quantile([]float64{7}, 0.95), 0)
	require.InDelta(t, 19, p95(durations(20), 0), 0)
	require.InDelta(t, 10, perSecond(durations(20), 2*time.Second), 0)
}

// durations are 1 to n milliseconds.
func durations(n int) (ds []time.Duration) {
	for i := range n {
		ds = append(ds, time.Duration(i+1)*time.Millisecond)
	}
	return ds
}

func TestTheTableSaysWhatIsMet(t *testing.T) {
	rows := table{
		{what: "fast", unit: "/s", reference: []float64{100, 200, 300}, measured: []float64{60, 100, 180}, atLeast: 0.5},
		{what: "slow", unit: "/s", reference: []float64{100}, measured: []float64{49}, atLeast: 0.5},
		{what: "late", unit: "ms", reference: []float64{1}, measured: []float64{1.51}, atMost: 1.5},
		{what: "in time", unit: "ms", reference: []float64{1}, measured: []float64{1.5}, atMost: 1.5},
		{what: "shown", unit: "ms", reference: []float64{1}, measured: []float64{9}},
	}
	require.False(t, rows.met())
	require.True(t, table{rows[0], rows[3], rows[4]}.met())
	var b strings.Builder
	rows.print(&b)
	require.Equal(t, `| what    | reference | measured | ratio | middle half | required | met |
| ---     | ---       | ---      | ---   | ---         | ---      | --- |
| fast    | 200 /s    | 100 /s   | 0.50  | 0.50–0.60   | ≥ 0.50   | yes |
| slow    | 100 /s    | 49.00 /s | 0.49  | 0.49–0.49   | ≥ 0.50   | NO  |
| late    | 1.00 ms   | 1.51 ms  | 1.51  | 1.51–1.51   | ≤ 1.50   | NO  |
| in time | 1.00 ms   | 1.50 ms  | 1.50  | 1.50–1.50   | ≤ 1.50   | yes |
| shown   | 1.00 ms   | 9.00 ms  | 9.00  | 9.00–9.00   |          |     |
`, b.String(), fmt.Sprint(rows))
}
