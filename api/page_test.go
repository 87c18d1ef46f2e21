package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"cis/vault"
)

// oddIDs are ids that are spelt in more ways than one, or that could be taken
// for something else.
var oddIDs = []string{
	"ad|Mozilla-LDAP|o'brien", `ad|"quoted"`, `ad|'both' "quotes"`, `ad|back\slash`, `ad|\x41\u0041\U00000041`, "ad|a;b&c=d#e%41+ f",
	"ad|ö", "ad|北", "ad|\U0001F600", "ad|\U000E0001", "ad|\u200b\u2028\u00ad", "ad|\x00\x07\b\t\n\v\f\r\x1b\x7f\u0085", "ad|<a>",
	`{"id": "ad|x"}`, `{'id': 'ad|x'}`, `{"id":"{\"id\":\"ad|x\"}"}`, "null", "0", `"`, "'", "{", "\U0010FFFF", strings.Repeat("<", vault.MaxKey), strings.Repeat("\x00", vault.MaxKey),
}

// pythonRepr is a text as Python prints it in a dict. version says whether as
// Python 3, or as Python 2 prints unicode: only ASCII.
func pythonRepr(s string, version int) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			out.WriteString(`\` + string(r))
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r >= ' ' && r < 0x7f, r >= 0x80 && unicode.IsPrint(r) && version == 3:
			out.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteByte(quote)
	return out.String()
}

// asked is a request with this query, as the readers of parameters get it; nil
// where it is refused before.
func asked(t *testing.T, query string) *gin.Context {
	answer := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(answer)
	c.Request = &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: query}}
	wellFormed(c)
	if !c.IsAborted() {
		return c
	}
	var e Error
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &e))
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Equal(t, "invalid_parameter", e.Code)
	return nil
}

// turned returns what the query of the next page gives back of a token.
func turned(t *testing.T, read func(*gin.Context) (string, *Error), token string) string {
	after, problem := read(asked(t, "nextPage="+url.QueryEscape(token)))
	require.Nil(t, problem, token)
	return after
}

// requireTurned requires that every token that names this id leads back to it.
func requireTurned(t *testing.T, id string) {
	token := tokenOf(id)
	for _, sent := range []string{token, url.QueryEscape(token), url.QueryEscape(url.QueryEscape(token))} {
		after, problem := readPosition(asked(t, "nextPage="+sent))
		require.Nil(t, problem, sent)
		require.Equal(t, id, after, "%q, sent as it is, or encoded once or twice", sent)
	}
	for _, sent := range []string{
		string(mustJSON(t, nextPage{token})), "{'id': " + pythonRepr(token, 3) + "}", "{u'id': u" + pythonRepr(token, 2) + "}",
	} {
		require.Equal(t, id, turned(t, readUsersPosition, sent), sent)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

func TestAPageTokenLeadsBackToItsPerson(t *testing.T) {
	for _, id := range oddIDs {
		requireTurned(t, id)
	}
}

func TestPageTokensFromElsewhereAreRefused(t *testing.T) {
	for name, token := range map[string]string{
		"an id":                          `ad|Mozilla-LDAP|jdoe`,
		"an id in quotes":                `"ad|Mozilla-LDAP|jdoe"`,
		"another key":                    `{"user_id":"ad|x"}`,
		"the key in another case":        `{"ID":"ad|x"}`,
		"another key beside":             `{"id":"ad|x","sequence_number":"1"}`,
		"the key twice":                  `{"id":"ad|x","id":"ad|y"}`,
		"an empty id":                    `{"id":""}`,
		"no id":                          `{}`,
		"an id that is null":             `{"id":null}`,
		"an id that is a number":         `{"id":5}`,
		"an id as the table has it":      `{"id":{"S":"ad|x"}}`,
		"a list":                         `[{"id":"ad|x"}]`,
		"a text with a token in it":      `"{\"id\":\"ad|x\"}"`,
		"null":                           `null`,
		"what Python prints of null":     `None`,
		"two tokens":                     `{"id":"ad|x"}{"id":"ad|y"}`,
		"a bracket after it":             `{"id":"ad|x"}]`,
		"a brace after it":               `{"id":"ad|x"}}`,
		"broken off":                     `{"id":"ad|x`,
		"half a surrogate pair":          `{"id":"ad|\ud83d"}`,
		"an id that is too long":         `{"id":"` + strings.Repeat("x", vault.MaxKey+1) + `"}`,
		"a token that is too long":       `{"id":"x"` + strings.Repeat(" ", maxToken) + `}`,
		"Python's, with another key":     `{'foo': 'ad|x'}`,
		"Python's, with two":             `{'id': 'ad|x', 'foo': 'y'}`,
		"Python's, with a number":        `{'id': 5}`,
		"Python's, with no end":          `{'id': 'ad|x\'}`,
		"Python's, empty":                `{'id': ''}`,
		"Python's, with half a pair":     `{'id': 'ad|\ud83d'}`,
		"Python's, beyond all there is":  `{'id': 'ad|\U00110000'}`,
		"Python's, a half written long":  `{'id': 'ad|\U0000d83d'}`,
		"Python's, a quote written long": `{'id': 'ad|\U00000022'}`,
		"Python's, with an escape of C":  `{'id': 'ad|\a'}`,
		"Python's, cut in an escape":     `{'id': 'ad|\u12'}`,
		"Python's, too long":             `{'id': '` + strings.Repeat("x", vault.MaxKey+1) + `'}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, problem := readUsersPosition(asked(t, "nextPage="+url.QueryEscape(token)))
			require.NotNil(t, problem)
			require.Equal(t, http.StatusBadRequest, problem.status)
			require.Equal(t, "invalid_parameter", problem.Code)
		})
	}
	for _, token := range []string{strings.Repeat("x", vault.MaxKey+1), strings.Repeat("x", maxToken+1), `{"id":"` + strings.Repeat("x", vault.MaxKey+1) + `"}`} {
		_, problem := readPosition(asked(t, "nextPage="+token))
		require.NotNil(t, problem)
		require.Equal(t, "invalid_parameter", problem.Code)
	}
}

func TestPagesFollowOneAnotherOverAnyIDs(t *testing.T) {
	var crowd []somebody
	for i := range 1200 {
		id := oddIDs[i%len(oddIDs)]
		id = id[:min(len(id), 1000)]
		if marked := strings.Replace(id, "x", fmt.Sprintf("x%04d", i), 1); marked != id {
			id = marked // what reads as a token goes on doing so
		} else {
			id += fmt.Sprintf("%04d", i)
		}
		crowd = append(crowd, somebody{id, "c@example.org", "c", true, false})
	}
	get := service(t, storeOf(t, crowd...))
	var all []string
	for _, person := range crowd {
		all = append(all, person.id)
	}
	slices.Sort(all)
	for target, id := range map[string]func(any) any{
		aList:   func(item any) any { return item.(map[string]any)["user_id"].(map[string]any)["value"] },
		aSearch: func(item any) any { return item.(map[string]any)["id"] },
	} {
		require.Equal(t, all, readAll(t, get, target, id), target)
	}
	ad := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !strings.HasPrefix(id, "ad") })
	require.Equal(t, ad, readAll(t, get, theIDs, func(item any) any { return item.(map[string]any)["user_id"] }))
}

// readAll reads a list to its end, page by page.
func readAll(t *testing.T, get func(string) (int, map[string]any), target string, id func(any) any) (ids []string) {
	for next := ""; ; {
		status, body := get(target + "nextPage=" + url.QueryEscape(next))
		require.Equal(t, http.StatusOK, status, body)
		require.LessOrEqual(t, len(ids), 1200, "it goes round")
		items, _ := body["users"].([]any)
		if body["Items"] != nil {
			items = body["Items"].([]any)
		}
		for _, item := range items {
			ids = append(ids, id(item).(string))
		}
		switch token := body["nextPage"].(type) {
		case nil:
			return ids
		case string:
			next = token
		default:
			next = string(mustJSON(t, token))
		}
	}
}
