package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"cis/profile"
)

// deviation is a case in which ours answers otherwise, why, and what. It says
// the last in one of four ways.
type deviation struct {
	Seq    int    `yaml:"seq"`
	Kind   string `yaml:"kind"`
	Reason string `yaml:"reason"`

	// Like is the case that the original answered as ours answers this.
	Like int `yaml:"like"`

	// Code is that of our error, and Status that of our answer where the
	// original's is another. Problems are the pointers of the profile's faults,
	// and Rejected the places of the refused profiles in the batch.
	Code     string   `yaml:"code"`
	Status   int      `yaml:"status"`
	Problems []string `yaml:"problems"`
	Rejected []int    `yaml:"rejected"`

	// Differs has the JSON pointers to where the bodies differ, with what ours
	// has there: a value, or one of the words below. All else is as recorded.
	Differs map[string]any `yaml:"differs"`

	// People are those of a list.
	People *people `yaml:"people"`

	// Without are the attributes that ours refuses, and Resend the method that
	// it wants. The request is sent again so, that later cases find what it
	// changed; then ours answers as recorded.
	Without []profile.Path `yaml:"without"`
	Resend  string         `yaml:"resend"`
}

// people are those whom a list of ours has, page after page in the order of
// their ids: those of the recorded lists of the cases Of, but for those whom
// only one of the two has.
type people struct {
	Of    []int    `yaml:"of"`
	Lacks []string `yaml:"lacks"`
	More  []string `yaml:"more"`
}

// What a deviation may say instead of a value.
const (
	isAbsent = "<absent>"
	isText   = "<text>"
	isAsIn   = "<as in %d>" // as recorded in that case, at the same pointer
)

// deviationKinds are the only reasons there are to answer otherwise.
var deviationKinds = []string{"bug of the original", "security", "ours by contract"}

func readDeviations(t *testing.T, cases []recorded) map[int]deviation {
	text, err := os.ReadFile("golden/deviations.yaml")
	require.NoError(t, err)
	var list []deviation
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&list))
	bySeq := map[int]deviation{}
	for _, d := range list {
		require.NotContains(t, bySeq, d.Seq, "a case is listed once")
		require.True(t, slices.ContainsFunc(cases, func(c recorded) bool { return c.Seq == d.Seq }), "there is no case %d", d.Seq)
		require.Contains(t, deviationKinds, d.Kind, "%d", d.Seq)
		require.NotEmpty(t, d.Reason, "%d", d.Seq)
		require.Equal(t, 1, d.ways(), "%d must say what ours answers, in one way", d.Seq)
		require.True(t, d.Code != "" || d.Status == 0 && d.Problems == nil && d.Rejected == nil, "%d: only of an error", d.Seq)
		bySeq[d.Seq] = d
	}
	return bySeq
}

// ways counts the ways in which d says what ours answers.
func (d deviation) ways() int {
	n := 0
	for _, said := range []bool{d.Like != 0, d.Code != "", len(d.Differs) > 0, d.People != nil} {
		if said {
			n++
		}
	}
	return n
}

// otherwise names what of an answer is neither as recorded nor as d says.
func (r *replay) otherwise(d deviation, c recorded, a answer) string {
	if d.Like != 0 {
		return r.recorded(d.Like).differsFrom(a)
	}
	if want := cmp.Or(d.Status, c.Status); a.status != want {
		return fmt.Sprintf("the status is %d, not %d: %.300s", a.status, want, a.body)
	}
	switch {
	case d.Code != "":
		return d.differsAsError(a)
	case d.People != nil:
		return r.differsInPeople(*d.People, c, a)
	}
	want := c.answer()
	for pointer, value := range d.Differs {
		ours, same := r.pinned(pointer, value), true
		want = replaceAt(want, pointer, func(theirs any) any {
			same = differ("", theirs, ours) == ""
			return ours
		})
		if same {
			return "the answers agree at " + pointer
		}
	}
	return a.differsFrom(want)
}

// pinned is what d says of ours at a pointer, as a JSON value.
func (r *replay) pinned(pointer string, value any) (ours any) {
	var seq int
	word, _ := value.(string)
	switch n, _ := fmt.Sscanf(word, isAsIn, &seq); {
	case word == isAbsent:
		return absent{}
	case word == isText:
		return agrees(anyText)
	case n == 1:
		replaceAt(r.recorded(seq).answer(), pointer, func(theirs any) any { ours = theirs; return theirs })
		return ours
	}
	text, err := json.Marshal(value)
	require.NoError(r.t, err)
	require.NoError(r.t, json.Unmarshal(text, &ours))
	return ours
}

// differsAsError names what of an answer is not the error that d says.
func (d deviation) differsAsError(a answer) string {
	var got struct {
		Code, Description string
		Problems          []struct{ Pointer, Rule, Message string }
		Rejections        []struct {
			Index       int
			UserID      string `json:"user_id"`
			Code        string
			Description string
			Problems    json.RawMessage
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		return fmt.Sprintf("it is no error: %v: %.300s", err, a.body)
	}
	var problems []string
	for _, problem := range got.Problems {
		problems = append(problems, problem.Pointer)
	}
	var rejected []int
	for _, rejection := range got.Rejections {
		rejected = append(rejected, rejection.Index)
	}
	if got.Code != d.Code || got.Description == "" || !slices.Equal(problems, d.Problems) || !slices.Equal(rejected, d.Rejected) {
		return fmt.Sprintf("it is another error: %.500s", a.body)
	}
	return ""
}

// differsInPeople names the first difference of our list, all its pages from
// this one on, from the people that it should have.
func (r *replay) differsInPeople(p people, c recorded, a answer) string {
	want := map[string]any{}
	for _, seq := range p.Of {
		for _, person := range r.recorded(seq).people() {
			want[userID(person)] = person
		}
	}
	for _, id := range p.Lacks {
		if want[id] == nil {
			return "the original does not have " + id + " either"
		}
		delete(want, id)
	}
	for _, id := range p.More {
		if want[id] != nil {
			return "the original has " + id + " too"
		}
		want[id] = agrees(anything)
	}
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(id string) bool { return id <= c.after() })
	var got []string
	for {
		page, next := readPage(a.body)
		for _, person := range page {
			id := userID(person)
			got = append(got, id)
			theirs, known := want[id]
			if d := differ(id, withoutOurSignatures(theirs), withoutOurSignatures(person)); known && d != "" {
				return d
			}
		}
		if next == "" || len(page) == 0 {
			break
		}
		c.Query = with(c.Query, "nextPage", next)
		a = r.send(c)
	}
	if !slices.Equal(got, ids) {
		return fmt.Sprintf("the people are %q, not %q", got, ids)
	}
	return ""
}

// people are those of a recorded list.
func (c recorded) people() []any {
	list, _ := c.answer().(map[string]any)
	for _, name := range []string{"Items", "users"} {
		if people, ok := list[name].([]any); ok {
			return people
		}
	}
	return nil
}

// after is the id after which the page begins that a case asks for, "" if it
// asks for the first.
func (c recorded) after() string {
	query, _ := url.ParseQuery(c.Query)
	var position struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal([]byte(strings.ReplaceAll(query.Get("nextPage"), "'", `"`)), &position)
	return position.ID
}

// readPage returns the people of a page of ours, none of what is no page, and
// the nextPage by which to ask for the next, "" after the last.
func readPage(body []byte) (people []any, next string) {
	var page struct {
		Items, Users []any
		NextPage     json.RawMessage
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&page) != nil || page.NextPage == nil {
		return nil, ""
	}
	if json.Unmarshal(page.NextPage, &next) != nil {
		next = string(page.NextPage)
	}
	return append(page.Items, page.Users...), next
}

func with(query, name, value string) string {
	values, _ := url.ParseQuery(query)
	values.Set(name, value)
	return values.Encode()
}
