package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
)

// recorded is a request to the original, and what it answered.
type recorded struct {
	Seq       int               `json:"seq"`
	Name      string            `json:"name"`
	Service   string            `json:"service"`
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Query     string            `json:"query"`
	Headers   map[string]string `json:"headers"`
	BodyJSON  json.RawMessage   `json:"body_json"`
	BodyText  *string           `json:"body_text"`
	Status    int               `json:"status"`
	Response  json.RawMessage   `json:"response_json"`
	Text      *string           `json:"response_text"`
	Volatile  []string          `json:"volatile"`
	Unordered []string          `json:"unordered"`
}

// answer is what ours answered.
type answer struct {
	status int
	body   []byte
}

// personHost is where the replay reaches the Person API.
const personHost = "person.cis.test"

// withoutDeletion are the cases that were recorded with deletion off.
var withoutDeletion = []int{901}

// TestGolden replays every recorded case in order and compares the answers. A
// case that differs must be in deviations.yaml, one that is there must differ,
// and just as it says.
func TestGolden(t *testing.T) {
	t.Parallel()
	dir := goldenDir(t)
	cases := readCases(t, dir)
	deviations := readDeviations(t, cases)
	r := newReplay(t, dir, cases)
	for _, c := range cases {
		got := r.send(c)
		r.learn(c, got)
		difference := c.differsFrom(got)
		d, listed := deviations[c.Seq]
		switch {
		case difference != "" && !listed:
			t.Errorf("%d %s: %s", c.Seq, c.Name, difference)
		case difference == "" && listed:
			t.Errorf("%d %s is listed in deviations.yaml, but the answers agree", c.Seq, c.Name)
		case listed:
			if problem := r.otherwise(d, c, got); problem != "" {
				t.Errorf("%d %s: not as deviations.yaml says: %s", c.Seq, c.Name, problem)
			}
		}
		if mended, ok := d.mended(t, c); ok {
			got := r.send(mended)
			r.learn(c, got)
			require.Empty(t, c.differsFrom(got), "%d %s, sent again", c.Seq, c.Name)
		}
	}
	t.Logf("%d cases, %d of them answered otherwise", len(cases), len(deviations))
}

func goldenDir(t *testing.T) string {
	if dir, named := os.LookupEnv("CIS_GOLDEN_DIR"); named {
		return dir
	}
	return filepath.Join(testdata.Dir(t), "golden")
}

func readCases(t *testing.T, dir string) []recorded {
	var index []struct {
		Seq  int    `json:"seq"`
		File string `json:"file"`
	}
	readFile(t, filepath.Join(dir, "index.json"), &index)
	cases := make([]recorded, len(index))
	for i, entry := range index {
		readFile(t, filepath.Join(dir, "cases", entry.File), &cases[i])
		require.Equal(t, entry.Seq, cases[i].Seq)
	}
	require.NotEmpty(t, cases)
	return cases
}

func readFile(t *testing.T, file string, into any) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), file)
}

// replay sends the cases, to one process with deletion and one without.
type replay struct {
	t                  *testing.T
	cases              []recorded
	deleting, ordinary *process
	// numbers are ours for the original's sequence numbers.
	numbers map[string]string
}

func newReplay(t *testing.T, dir string, cases []recorded) *replay {
	keys, err := os.ReadFile(filepath.Join(dir, "keys/issuer.jwks.json"))
	require.NoError(t, err)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) }))
	t.Cleanup(issuer.Close)
	args := []string{"--salt", "golden-test-salt", "--well-known", filepath.Join(dir, "well-known/mozilla-iam"),
		"--token-issuer", "https://127.0.0.1:8024/", "--token-jwks", issuer.URL, "--person-url", "http://" + personHost}
	return &replay{
		t: t, cases: cases, numbers: map[string]string{},
		ordinary: start(t, args...), deleting: start(t, append(args, "--allow-delete")...),
	}
}

func (r *replay) send(c recorded) answer {
	p := r.deleting
	if slices.Contains(withoutDeletion, c.Seq) {
		p = r.ordinary
	}
	response, err := http.DefaultClient.Do(r.request(p, c))
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return answer{response.StatusCode, body}
}

func (r *replay) request(p *process, c recorded) *http.Request {
	query := c.Query
	for original, ours := range r.numbers {
		query = strings.ReplaceAll(query, original, ours)
	}
	target := p.url(c.Path)
	if query != "" {
		target += "?" + query
	}
	body := string(c.BodyJSON)
	if c.BodyText != nil {
		body = *c.BodyText
	}
	request, err := http.NewRequest(c.Method, target, strings.NewReader(body))
	require.NoError(r.t, err)
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	if c.Service == "person" {
		request.Host = personHost
	}
	return request
}

// learn notes which sequence number is ours for the original's.
func (r *replay) learn(c recorded, a answer) {
	var original, ours struct {
		Number *string `json:"sequence_number"`
	}
	if json.Unmarshal(c.Response, &original) == nil && json.Unmarshal(a.body, &ours) == nil && original.Number != nil && ours.Number != nil {
		r.numbers[*original.Number] = *ours.Number
	}
}

// recorded returns the case with the number seq.
func (r *replay) recorded(seq int) recorded {
	i := slices.IndexFunc(r.cases, func(c recorded) bool { return c.Seq == seq })
	require.GreaterOrEqual(r.t, i, 0, "there is no case %d", seq)
	return r.cases[i]
}

// differsFrom names the first difference of an answer from the recorded one,
// "" if they agree.
func (c recorded) differsFrom(a answer) string {
	if a.status != c.Status {
		return fmt.Sprintf("the status is %d, not %d: %.300s", a.status, c.Status, a.body)
	}
	if c.Text != nil {
		if string(a.body) != *c.Text {
			return fmt.Sprintf("the text is %.200q, not %.200q", a.body, *c.Text)
		}
		return ""
	}
	return a.differsFrom(c.answer())
}

// differsFrom names the first difference of the body from a JSON value.
func (a answer) differsFrom(want any) string {
	var got any
	if err := json.Unmarshal(a.body, &got); err != nil {
		return fmt.Sprintf("the answer is no JSON: %.200q", a.body)
	}
	return differ("", withoutOurSignatures(want), withoutOurSignatures(got))
}

// answer is the recorded JSON, without what differs from run to run, and with
// the lists whose order is chance in the order that is ours.
func (c recorded) answer() any {
	var want any
	if json.Unmarshal(c.Response, &want) != nil {
		return nil
	}
	for _, pointer := range c.Volatile {
		want = replaceAt(want, pointer, varying)
	}
	for _, pointer := range c.Unordered {
		want = replaceAt(want, pointer, inOrder)
	}
	return want
}

// varying is what agrees with a value that differs from run to run.
func varying(v any) any {
	if v == (absent{}) {
		return v
	}
	return formOf(v)
}

// mended is the request as ours takes it, where it is to be sent again.
func (d deviation) mended(t *testing.T, c recorded) (recorded, bool) {
	if len(d.Without) == 0 && d.Resend == "" {
		return c, false
	}
	c.Method = cmp.Or(d.Resend, c.Method)
	var document map[string]any
	require.NoError(t, json.Unmarshal(c.BodyJSON, &document))
	for _, path := range d.Without {
		drop(document, path)
	}
	body, err := json.Marshal(document)
	require.NoError(t, err)
	c.BodyJSON = body
	return c, true
}

func drop(document map[string]any, path profile.Path) {
	if group, ok := document[path.Group()].(map[string]any); ok {
		document = group
	}
	delete(document, path.Name())
}
