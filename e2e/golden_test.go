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
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

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

// deviation is a case in which ours answers otherwise, and why.
type deviation struct {
	Seq    int    `yaml:"seq"`
	Kind   string `yaml:"kind"`
	Reason string `yaml:"reason"`
	// Without are the attributes that ours refuses. The request is sent again
	// without them, so that later cases find the person.
	Without []profile.Path `yaml:"without"`
	// Resend is the method with which the request is sent again, so that later
	// cases find what it changed.
	Resend string `yaml:"resend"`
	// Absent is whom ours does not have since, and Extra whom the original
	// does not have.
	Absent string `yaml:"absent"`
	Extra  string `yaml:"extra"`
	// Follows says that the answers agree but for what follows from the other
	// deviations: the attributes and people that one of the two does not have,
	// and the order of lists.
	Follows bool `yaml:"follows"`
}

// deviationKinds are the only reasons there are to answer otherwise.
var deviationKinds = []string{"bug of the original", "security", "ours by contract"}

// personHost is where the replay reaches the Person API.
const personHost = "person.cis.test"

// withoutDeletion are the cases that were recorded with deletion off.
var withoutDeletion = []int{901}

// TestGolden replays every recorded case in order and compares the answers. A
// case that differs must be in deviations.yaml, and one that is there must
// differ.
func TestGolden(t *testing.T) {
	dir := goldenDir(t)
	cases := readCases(t, dir)
	deviations := readDeviations(t, cases)
	r := newReplay(t, dir)
	for _, c := range cases {
		listed, isListed := deviations[c.Seq]
		difference := r.run(c, listed)
		switch {
		case listed.Follows && r.rest != "":
			t.Errorf("%d %s: beside what follows from others, %s", c.Seq, c.Name, r.rest)
		case difference != "" && !isListed:
			t.Errorf("%d %s: %s", c.Seq, c.Name, difference)
		case difference == "" && isListed:
			t.Errorf("%d %s is listed in deviations.yaml, but the answers agree", c.Seq, c.Name)
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

func readDeviations(t *testing.T, cases []recorded) map[int]deviation {
	text, err := os.ReadFile("golden/deviations.yaml")
	require.NoError(t, err)
	var list []deviation
	require.NoError(t, yaml.Unmarshal(text, &list))
	bySeq := map[int]deviation{}
	for _, d := range list {
		require.NotContains(t, bySeq, d.Seq, "a case is listed once")
		require.Contains(t, deviationKinds, d.Kind, "%d", d.Seq)
		require.NotEmpty(t, d.Reason, "%d", d.Seq)
		require.True(t, slices.ContainsFunc(cases, func(c recorded) bool { return c.Seq == d.Seq }), "there is no case %d", d.Seq)
		bySeq[d.Seq] = d
	}
	return bySeq
}

// replay sends the cases, to one process with deletion and one without.
type replay struct {
	t                  *testing.T
	deleting, ordinary *process
	// numbers are ours for the original's sequence numbers.
	numbers map[string]string
	// What follows from the deviations so far.
	without       []profile.Path
	absent, extra []string
	rest          string // what of the last difference does not
}

func newReplay(t *testing.T, dir string) *replay {
	keys, err := os.ReadFile(filepath.Join(dir, "keys/issuer.jwks.json"))
	require.NoError(t, err)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) }))
	t.Cleanup(issuer.Close)
	args := []string{"--salt", "golden-test-salt", "--well-known", filepath.Join(dir, "well-known/mozilla-iam"),
		"--token-issuer", "https://127.0.0.1:8024/", "--token-jwks", issuer.URL, "--person-url", "http://" + personHost}
	return &replay{t: t, ordinary: start(t, args...), deleting: start(t, append(args, "--allow-delete")...), numbers: map[string]string{}}
}

// run sends a case and says how the answer differs, "" if it does not.
func (r *replay) run(c recorded, d deviation) string {
	status, body := r.send(c)
	r.learn(c, body)
	if len(d.Without) > 0 || d.Resend != "" {
		r.without = append(r.without, d.Without...)
		mended := c
		mended.Method = cmp.Or(d.Resend, c.Method)
		mended.BodyJSON = leaveOut(r.t, c.BodyJSON, d.Without)
		again, text := r.send(mended)
		require.Equal(r.t, http.StatusOK, again, "%d: %s", c.Seq, text)
	}
	if d.Absent != "" {
		r.absent = append(r.absent, d.Absent)
	}
	if d.Extra != "" {
		r.extra = append(r.extra, d.Extra)
	}
	r.rest = ""
	if status != c.Status {
		r.rest = fmt.Sprintf("the status is %d, not %d: %.300s", status, c.Status, body)
		return r.rest
	}
	if c.Text != nil {
		if string(body) != *c.Text {
			return fmt.Sprintf("the text is %.200q, not %.200q", body, *c.Text)
		}
		return ""
	}
	difference := r.compare(c, body, false)
	if difference != "" && d.Follows {
		r.rest = r.compare(c, body, true)
	}
	return difference
}

func (r *replay) send(c recorded) (status int, body []byte) {
	p := r.deleting
	if slices.Contains(withoutDeletion, c.Seq) {
		p = r.ordinary
	}
	response, err := http.DefaultClient.Do(r.request(p, c))
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, body
}

func leaveOut(t *testing.T, body json.RawMessage, paths []profile.Path) json.RawMessage {
	var document map[string]any
	require.NoError(t, json.Unmarshal(body, &document))
	for _, path := range paths {
		drop(document, path)
	}
	text, err := json.Marshal(document)
	require.NoError(t, err)
	return text
}

func drop(document map[string]any, path profile.Path) {
	if group, ok := document[path.Group()].(map[string]any); ok {
		delete(group, path.Name())
		return
	}
	delete(document, path.Name())
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
func (r *replay) learn(c recorded, body []byte) {
	var original, ours struct {
		Number *string `json:"sequence_number"`
	}
	if json.Unmarshal(c.Response, &original) == nil && json.Unmarshal(body, &ours) == nil && original.Number != nil && ours.Number != nil {
		r.numbers[*original.Number] = *ours.Number
	}
}

// compare compares two JSON answers, but for what differs from run to run and
// the signatures that CIS itself made; on request also but for what follows
// from the deviations so far.
func (r *replay) compare(c recorded, body []byte, following bool) string {
	var want, got any
	if err := json.Unmarshal(c.Response, &want); err != nil {
		return fmt.Sprintf("the recorded answer cannot be read: %v", err)
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Sprintf("the answer is no JSON: %.200q", body)
	}
	for _, pointer := range c.Volatile {
		want = replaceAt(want, pointer, func(any) any { return anything{} })
	}
	for _, pointer := range c.Unordered {
		want, got = replaceAt(want, pointer, ordered), replaceAt(got, pointer, ordered)
	}
	want, got = withoutOurSignatures(want), withoutOurSignatures(got)
	if following {
		want, got = r.follow(want), r.follow(got)
	}
	return differ("", want, got)
}

// follow leaves out the attributes and people of the deviations so far, and
// orders lists of people.
func (r *replay) follow(v any) any {
	document, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, path := range r.without {
		drop(document, path)
	}
	for _, name := range []string{"Items", "users"} {
		people, ok := document[name].([]any)
		if !ok {
			continue
		}
		people = slices.DeleteFunc(people, func(p any) bool {
			return slices.Contains(r.absent, userID(p)) || slices.Contains(r.extra, userID(p))
		})
		for _, person := range people {
			r.follow(person)
			if shown, ok := person.(map[string]any)["profile"]; ok {
				r.follow(shown)
			}
		}
		slices.SortFunc(people, func(a, b any) int { return strings.Compare(userID(a), userID(b)) })
		document[name] = people
	}
	return document
}

// userID is the id of a person in a list.
func userID(v any) string {
	person, _ := v.(map[string]any)
	for _, name := range []string{"user_id", "id"} {
		switch id := person[name].(type) {
		case string:
			return id
		case map[string]any:
			return fmt.Sprint(id["value"])
		}
	}
	return ""
}

// anything is what equals every value.
type anything struct{}

func ordered(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]) < fmt.Sprint(list[j]) })
	return list
}

// replaceAt replaces the value that a JSON pointer leads to, where there is one.
func replaceAt(v any, pointer string, by func(any) any) any {
	if pointer == "" {
		return by(v)
	}
	name, rest, _ := strings.Cut(pointer[1:], "/")
	if rest != "" {
		rest = "/" + rest
	}
	switch v := v.(type) {
	case map[string]any:
		if child, ok := v[name]; ok {
			v[name] = replaceAt(child, rest, by)
		}
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i < len(v) {
			v[i] = replaceAt(v[i], rest, by)
		}
	}
	return v
}

func withoutOurSignatures(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			withoutOurSignatures(child)
		}
		if publisher, ok := v["publisher"].(map[string]any); ok && publisher["name"] == "cis" {
			publisher["value"] = "CIS's own"
		}
	case []any:
		for _, child := range v {
			withoutOurSignatures(child)
		}
	}
	return v
}

// differ names the first place in which two values differ.
func differ(at string, want, got any) string {
	if want == (anything{}) {
		return ""
	}
	w, isMap := want.(map[string]any)
	g, both := got.(map[string]any)
	if isMap && both {
		for name := range w {
			if _, ok := g[name]; !ok {
				return fmt.Sprintf("%s/%s is missing", at, name)
			}
		}
		for _, name := range sortedNames(g) {
			if _, ok := w[name]; !ok {
				return fmt.Sprintf("%s/%s should not be there", at, name)
			}
			if d := differ(at+"/"+name, w[name], g[name]); d != "" {
				return d
			}
		}
		return ""
	}
	list, isList := want.([]any)
	other, both := got.([]any)
	if isList && both && len(list) == len(other) {
		for i := range list {
			if d := differ(fmt.Sprintf("%s/%d", at, i), list[i], other[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s is %.200s, not %.200s", at, text(got), text(want))
	}
	return ""
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func text(v any) string {
	s, _ := json.Marshal(v)
	return string(s)
}
