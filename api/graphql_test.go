package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/vault"
)

// graph is the API over a vault, asked by GraphQL with a token of some scopes.
type graph struct {
	t     *testing.T
	base  string
	url   string
	token func(scopes string) string
}

func newGraph(t *testing.T, v vault.Store) graph {
	base, i := serve(t, v)
	return graph{t, base, base + "/graphql", func(scopes string) string {
		return sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"scope": scopes}))
	}}
}

const everything = "read:fullprofile display:all search:all"

func (g graph) send(request *http.Request, scopes string) (int, string) {
	request.Header.Set("Authorization", "Bearer "+g.token(scopes))
	response, err := http.DefaultClient.Do(request)
	require.NoError(g.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return response.StatusCode, string(text)
}

func (g graph) post(scopes, body string) (int, string) {
	request, err := http.NewRequest(http.MethodPost, g.url, strings.NewReader(body))
	require.NoError(g.t, err)
	return g.send(request, scopes)
}

// ask sends a query and returns the answer's data and the codes or messages of
// its errors.
func (g graph) ask(scopes, query string, variables map[string]any) (data string, errors []string) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	require.NoError(g.t, err)
	status, text := g.post(scopes, string(body))
	require.Equal(g.t, http.StatusOK, status, text)
	var answer struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	require.NoError(g.t, json.Unmarshal([]byte(text), &answer))
	for _, e := range answer.Errors {
		if e.Extensions.Code != "" {
			e.Message = e.Extensions.Code
		}
		errors = append(errors, e.Message)
	}
	return string(answer.Data), errors
}

func TestGraphQLFindsAPersonByEachKey(t *testing.T) {
	g := newGraph(t, store(t))
	const ann = "ad|Mozilla-LDAP|ann"
	for key, value := range map[string]string{
		"userId": ann, "uuid": uuidOf(ann), "primaryEmail": "shared@example.org", "primaryUsername": "ann2",
	} {
		t.Run(key, func(t *testing.T) {
			data, errors := g.ask(everything, fmt.Sprintf(`query($v: String) { profile(%s: $v) { userId { value } } }`, key), map[string]any{"v": value})
			require.Empty(t, errors)
			require.JSONEq(t, fmt.Sprintf(`{"profile":{"userId":{"value":%q}}}`, ann), data)
		})
	}
}

func TestGraphQLShowsWhatTheScopesAllow(t *testing.T) {
	g := newGraph(t, store(t))
	const query = `{ profile(userId: "ad|Mozilla-LDAP|ann"%s) {
		schema userId { value metadata { classification display } } active { value }
		accessInformation { ldap { values } } staffInformation { title { value } } } }`
	for name, test := range map[string]struct{ scopes, filter, data string }{
		"everything": {everything, "", `{"profile":{"schema":"https://auth.mozilla.com/.well-known/profile.schema",
			"userId":{"value":"ad|Mozilla-LDAP|ann","metadata":{"classification":"PUBLIC","display":"public"}},
			"active":{"value":true},"accessInformation":{"ldap":{"values":{"vpn":null}}},"staffInformation":{"title":null}}}`},
		"without scopes what is public": {"", "", `{"profile":{"schema":"https://auth.mozilla.com/.well-known/profile.schema",
			"userId":{"value":"ad|Mozilla-LDAP|ann","metadata":{"classification":"PUBLIC","display":"public"}},
			"active":null,"accessInformation":{"ldap":null},"staffInformation":{"title":null}}}`},
		"a filter narrows": {everything, ", filterDisplay: staff", `{"profile":{"schema":"https://auth.mozilla.com/.well-known/profile.schema",
			"userId":{"value":"ad|Mozilla-LDAP|ann","metadata":{"classification":"PUBLIC","display":"public"}},
			"active":null,"accessInformation":{"ldap":null},"staffInformation":{"title":null}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			data, errors := g.ask(test.scopes, fmt.Sprintf(query, test.filter), nil)
			require.Empty(t, errors)
			require.JSONEq(t, test.data, data)
		})
	}
}

func TestGraphQLListsPeople(t *testing.T) {
	g := newGraph(t, store(t))
	for name, test := range map[string]struct {
		arguments string
		ids       []string
	}{
		"active people":               {``, []string{"ad|Mozilla-LDAP|ann", "email|ann+1"}},
		"everybody":                   {`(active: ANY)`, []string{"ad|Mozilla-LDAP|ann", "ad|Mozilla-LDAP|old", "email|ann+1"}},
		"inactive people":             {`(active: INACTIVE)`, []string{"ad|Mozilla-LDAP|old"}},
		"of a connection method":      {`(connectionMethod: "ad", active: ANY)`, []string{"ad|Mozilla-LDAP|ann", "ad|Mozilla-LDAP|old"}},
		"with an address":             {`(primaryEmail: "shared@example.org")`, []string{"ad|Mozilla-LDAP|ann", "email|ann+1"}},
		"of a group":                  {`(where: [{attribute: "access_information.ldap", value: "vpn"}], active: ANY)`, []string{"ad|Mozilla-LDAP|ann", "ad|Mozilla-LDAP|old"}},
		"not of a group":              {`(where: [{attribute: "access_information.ldap", value: "vpn", not: true}])`, []string{"email|ann+1"}},
		"of a group, with an address": {`(where: [{attribute: "access_information.ldap", value: "vpn"}], primaryEmail: "old@example.org")`, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			ids, next := g.page(everything, test.arguments)
			require.Equal(t, test.ids, ids)
			require.Nil(t, next)
		})
	}
}

func (g graph) page(scopes, arguments string) (ids []string, next *string) {
	data, errors := g.ask(scopes, `{ profiles`+arguments+` { items { userId { value } } nextPage } }`, nil)
	require.Empty(g.t, errors)
	var answer struct {
		Profiles struct {
			Items    []struct{ UserID struct{ Value string } }
			NextPage *string
		}
	}
	require.NoError(g.t, json.Unmarshal([]byte(data), &answer))
	ids = []string{}
	for _, item := range answer.Profiles.Items {
		ids = append(ids, item.UserID.Value)
	}
	return ids, answer.Profiles.NextPage
}

func TestGraphQLPagesGoOnWhereTheOneBeforeEnded(t *testing.T) {
	g := newGraph(t, store(t))
	var all []string
	for after := ""; ; {
		ids, next := g.page(everything, fmt.Sprintf(`(active: ANY, first: 1, nextPage: %q)`, after))
		require.Len(t, ids, 1)
		if all = append(all, ids...); next == nil {
			break
		}
		after = *next
	}
	require.Equal(t, []string{"ad|Mozilla-LDAP|ann", "ad|Mozilla-LDAP|old", "email|ann+1"}, all)
}

func TestGraphQLRefusesWhatIsWrong(t *testing.T) {
	g := newGraph(t, store(t))
	var aliases, fragments strings.Builder
	for i := range 101 {
		fmt.Fprintf(&aliases, ` a%d: profile(userId: "x") { schema }`, i)
	}
	fragments.WriteString(`query { profiles { items { ...f0 } } }`)
	for i := range 20 {
		fmt.Fprintf(&fragments, ` fragment f%d on Profile { a: userId { value } ...f%d ...f%d }`, i, i+1, i+1)
	}
	fragments.WriteString(` fragment f20 on Profile { b: uuid { value } }`)
	for name, test := range map[string]struct{ scopes, query, says string }{
		"no key":                  {everything, `{ profile { schema } }`, "invalid_parameter"},
		"two keys":                {everything, `{ profile(userId: "x", uuid: "y") { schema } }`, "invalid_parameter"},
		"a key that is too long":  {everything, `{ profile(userId: "` + strings.Repeat("x", 2049) + `") { schema } }`, "invalid_parameter"},
		"a page of 101":           {everything, `{ profiles(first: 101) { nextPage } }`, "invalid_parameter"},
		"a page of none":          {everything, `{ profiles(first: 0) { nextPage } }`, "invalid_parameter"},
		"a long page token":       {everything, `{ profiles(nextPage: "` + strings.Repeat("x", 2049) + `") { nextPage } }`, "invalid_parameter"},
		"pages of 150 together":   {everything, `{ a: profiles(first: 90) { nextPage } b: profiles(first: 60) { nextPage } }`, "query_too_costly"},
		"101 people":              {everything, `{` + aliases.String() + ` }`, "query_too_costly"},
		"fragments of fragments":  {everything, fragments.String(), "selections"},
		"an unknown attribute":    {everything, `{ profiles(where: [{attribute: "first_name", value: "x"}]) { nextPage } }`, "invalid_parameter"},
		"a flag that is none":     {everything, `{ profiles(where: [{attribute: "staff_information.staff", value: "x"}]) { nextPage } }`, "invalid_parameter"},
		"a search without scope":  {"read:fullprofile", `{ profiles(where: [{attribute: "staff_information.staff", value: "true"}]) { nextPage } }`, "scope_missing"},
		"an unknown level":        {everything, `{ profile(userId: "x", filterDisplay: everyone) { schema } }`, "everyone"},
		"an unknown field":        {everything, `{ profile(userId: "x") { password } }`, "password"},
		"a change":                {everything, `mutation { profile(userId: "x") { schema } }`, "mutation"},
		"no query at all":         {everything, `{`, "syntax error"},
		"one that is very long":   {everything, `{ ` + strings.Repeat(" ", 65<<10) + `}`, "length"},
		"one that is very nested": {everything, `{ __schema { types ` + strings.Repeat(`{ fields { type `, 8) + `{ name }` + strings.Repeat(` } }`, 8) + ` } }`, "depth"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errors := g.ask(test.scopes, test.query, nil)
			require.NotEmpty(t, errors)
			require.Contains(t, errors[len(errors)-1], test.says)
		})
	}
}

func TestGraphQLRefusesRequestsThatAreNone(t *testing.T) {
	g := newGraph(t, store(t))
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"nothing":                 {``, 400, "malformed_json"},
		"no JSON":                 {`{ profile }`, 400, "malformed_json"},
		"a list":                  {`[]`, 400, "invalid_parameter"},
		"no query":                {`{}`, 400, "invalid_parameter"},
		"a query that is no text": {`{"query": 1}`, 400, "invalid_parameter"},
		"variables that are none": {`{"query": "{ profile(userId: \"x\") { schema } }", "variables": []}`, 400, "invalid_parameter"},
		"a large one":             {`{"query": "` + strings.Repeat(" ", maxGraphBody) + `"}`, 413, "payload_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := g.post(everything, test.body)
			require.Equal(t, test.status, status, text)
			require.Contains(t, text, test.code)
		})
	}
}

func TestGraphQLAlsoByGet(t *testing.T) {
	g := newGraph(t, store(t))
	get := func(values url.Values) (int, string) {
		request, err := http.NewRequest(http.MethodGet, g.url+"?"+values.Encode(), nil)
		require.NoError(t, err)
		return g.send(request, everything)
	}
	status, text := get(url.Values{
		"query":         {`query a($id: String) { profile(userId: $id) { userId { value } } } query b { profiles { nextPage } }`},
		"operationName": {"a"}, "variables": {`{"id": "email|ann+1"}`},
	})
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"data":{"profile":{"userId":{"value":"email|ann+1"}}}}`, text)
	status, _ = get(url.Values{"query": {`{ profiles { nextPage } }`}, "variables": {`[]`}})
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = get(url.Values{})
	require.Equal(t, http.StatusBadRequest, status)
}

func TestGraphQLIsUnavailableWhileTheVaultIsAway(t *testing.T) {
	v := store(t)
	g := newGraph(t, v)
	require.NoError(t, v.Close())
	for _, query := range []string{`{ profile(userId: \"x\") { schema } }`, `{ profiles { nextPage } }`} {
		status, text := g.post(everything, `{"query": "`+query+`"}`)
		require.Equal(t, http.StatusServiceUnavailable, status, text)
		require.Contains(t, text, `"unavailable"`)
	}
}

func TestTheGraphQLSchemaHasEveryAttribute(t *testing.T) {
	v := store(t)
	p, attributes := profile.Empty(), 0
	var query strings.Builder
	query.WriteString(`{ profile(userId: "whole") { schema `)
	for path, a := range p.Attributes() {
		attributes++
		value := "value"
		if strings.Contains(string(a.JSON()), `"values":`) {
			value = "values"
		}
		group, name, grouped := strings.Cut(string(path), ".")
		if !grouped {
			fmt.Fprintf(&query, "%s { %s } ", camel(group), value)
			continue
		}
		fmt.Fprintf(&query, "%s { %s { %s } } ", camel(group), camel(name), value)
	}
	query.WriteString("} }")
	_, err := v.Put(context.Background(), vault.Write{Condition: "create", Record: vault.Record{
		ID: "whole", Active: true, Profile: p.JSON(), SequenceNumber: "9", Revision: 1,
	}})
	require.NoError(t, err)
	data, errors := newGraph(t, v).ask(everything, query.String(), nil)
	require.Empty(t, errors)
	require.Equal(t, attributes, strings.Count(data, `"value":`)+strings.Count(data, `"values":`), data)
}

// camel is a member's name as GraphQL spells it.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
