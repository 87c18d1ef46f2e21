package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/profile"
	"cis/vault"
)

// FuzzPageTokens takes any text twice: as an id, whose tokens must all lead
// back to it, and as a token that somebody made up.
func FuzzPageTokens(f *testing.F) {
	for _, id := range oddIDs {
		f.Add(id)
	}
	for _, token := range []string{`{u'id': u'ad|\xe9\u5317\U0001f600\''}`, `{'id': "it's"}`, `{"id":"x"}]`, `{"ID":"x"}`, `{'id': 'ad|x', 'b': 1}`, `{"id":"\ud83d"}`, "b64.YQ", "b64.!", "%2562", "b64._w"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" && len(text) <= vault.MaxKey && utf8.ValidString(text) {
			requireTurned(t, text)
		}
		c := asked(t, "nextPage="+url.QueryEscape(text))
		if c == nil {
			require.False(t, utf8.ValidString(text))
			return
		}
		next, isToken := parseNextPage(text)
		if isToken {
			require.Equal(t, idByOtherMeans(text), next.ID)
		}
		named := text
		if isToken {
			named = next.ID
		}
		for name, read := range map[string]func(*gin.Context) (string, *Error){"ids": readPosition, "users": readUsersPosition} {
			after, problem := read(c)
			if problem != nil {
				requireDocumented(t, problem, "invalid_parameter")
				_, invalid := idOf(named)
				require.True(t, len(text) > vault.MaxKey || invalid != nil || isToken == (name == "ids"), text)
				continue
			}
			require.NoError(t, vault.Query{After: after, Limit: 1}.Validate())
			if !strings.Contains(named, "%") && !strings.HasPrefix(named, encoded) {
				require.Equal(t, named, after)
			}
		}
	})
}

// requireDocumented requires an answer that the interface has.
func requireDocumented(t *testing.T, e *Error, codes ...string) {
	require.Contains(t, codes, e.Code)
	require.Equal(t, e.Code == "payload_too_large", e.status == http.StatusRequestEntityTooLarge)
	require.True(t, e.status == http.StatusBadRequest || e.status == http.StatusRequestEntityTooLarge, e.status)
	require.NotEmpty(t, e.Description)
	require.Less(t, len(e.Description), 2000)
}

var pythonToken = regexp.MustCompile(`^\s*\{\s*u?['"]id['"]\s*:\s*u?(?s:(['"].*['"]))\s*\}\s*$`)

// idByOtherMeans is what another decoder of JSON finds in a token, or else one
// of Go's literals, which have the escapes of Python's; "" where there is no
// one id in it.
func idByOtherMeans(token string) (id string) {
	var members map[string]any
	if json.Unmarshal([]byte(token), &members) == nil {
		if id, _ = members["id"].(string); len(members) == 1 && jsontext.Value(token).IsValid() {
			return id
		}
		return ""
	}
	m := pythonToken.FindStringSubmatch(token)
	if m == nil {
		return ""
	}
	for quote, rest := m[1][0], m[1][1:len(m[1])-1]; rest != ""; {
		r, _, tail, err := strconv.UnquoteChar(rest, quote)
		switch {
		case rest[0] == '\\' && len(rest) > 1 && strings.IndexByte(`"'/`, rest[1]) >= 0:
			r, tail, err = rune(rest[1]), rest[2:], nil // Go takes only the quote that it must
		case err != nil && len(rest) >= 12:
			var pair string // of surrogates, which Go does not know
			err = json.Unmarshal([]byte(`"`+rest[:12]+`"`), &pair)
			r, _ = utf8.DecodeRuneInString(pair)
			tail = rest[12:]
		}
		if err != nil {
			return ""
		}
		id, rest = id+string(r), tail
	}
	return id
}

// FuzzQueries reads any path and query as the Person API and the status do.
// What comes out is a question that the vault can answer, or the documented
// error.
func FuzzQueries(f *testing.F) {
	for _, seed := range [][2]string{
		{"ad%7CMozilla-LDAP%7Cjdoe", "active=any&filterDisplay=staff"},
		{"ad%257Cjdoe", "connectionMethod=ad&active=False&nextPage=ad|x;y"},
		{"100%25", "primaryEmail=a;b@example.org&nextPage={'id': 'x'}&nextPage=%7B%22id%22%3A%22y%22%7D"},
		{"%FF", "staff_information.staff=True&not_access_information.ldap=vpn&fullProfiles=true&active=true&active=false"},
		{"a/b", "staff_information.title=&fullProfiles=1&sequenceNumber=340282366920938463463374607431768211456"},
		{"..", "not_staff_information.manager=false&first_name=x&active=%zz&%FF=1&sequenceNumber=12&user_id=a&user_id=b"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, segment, query string) {
		requirePathKey(t, segment)
		target, err := url.ParseRequestURI("/v2/user/user_id/" + segment + "?" + query)
		if err != nil {
			return // net/http answers
		}
		c := asked(t, target.RawQuery)
		if c == nil {
			return
		}
		c.Request.URL.Path, c.Request.URL.RawPath = target.Path, target.RawPath
		if key, problem := readKey(c, "value"); problem != nil {
			requireDocumented(t, problem, "invalid_parameter")
		} else {
			require.NoError(t, vault.Query{After: key, Limit: 1}.Validate())
		}
		given := c.Request.URL.Query()
		requireUsers(t, c, given)
		requireIdentities(t, c, given)
		requireSearch(t, c, given)
		requireNumber(t, c.Query("sequenceNumber"))
	})
}

// requirePathKey requires that a text that is no path is found where it is
// encoded once, if nothing in it looks encoded, and where it is twice.
func requirePathKey(t *testing.T, text string) {
	require.Equal(t, text, unescape(url.PathEscape(url.PathEscape(text))))
	if !strings.Contains(text, "%") {
		require.Equal(t, text, unescape(url.PathEscape(text)))
	}
}

// inSet tells whether all that is given for a parameter is one of these, in
// any case.
func inSet(given []string, set ...string) bool {
	return !slices.ContainsFunc(given, func(v string) bool { return !slices.Contains(set, v) })
}

func lower(given []string) (all []string) {
	for _, v := range given {
		all = append(all, strings.ToLower(v))
	}
	return all
}

// narrowed tells whether active and filterDisplay are what they may be.
func narrowed(given url.Values) bool {
	return inSet(lower(given["active"]), "true", "false", "any") &&
		inSet(given["filterDisplay"], "public", "authenticated", "vouched", "ndaed", "staff", "private")
}

func fits(given []string) bool {
	return !slices.ContainsFunc(given, func(v string) bool { return v == "" || len(v) > vault.MaxKey })
}

func requireUsers(t *testing.T, c *gin.Context, given url.Values) {
	list, _, problem := readUsers(c)
	_, noPosition := readUsersPosition(c)
	require.Equal(t, narrowed(given) && fits(given["primaryEmail"]) && noPosition == nil, problem == nil, "%v", problem)
	if problem != nil {
		requireDocumented(t, problem, "invalid_parameter")
		return
	}
	require.NoError(t, list.Validate())
	require.Equal(t, given.Has("primaryEmail"), len(list.With) == 1)
}

func requireIdentities(t *testing.T, c *gin.Context, given url.Values) {
	list, problem := readIdentities(c)
	_, noPosition := readPosition(c)
	good := given.Has("connectionMethod") && fits(given["connectionMethod"]) && inSet(lower(given["active"]), "true", "false", "any")
	require.Equal(t, good && noPosition == nil, problem == nil, "%v", problem)
	if problem != nil {
		requireDocumented(t, problem, "invalid_parameter")
		return
	}
	require.NoError(t, list.Validate())
	require.Equal(t, given.Get("connectionMethod"), list.Prefix)
}

func requireSearch(t *testing.T, c *gin.Context, given url.Values) {
	full, noFlag := readFlag(c, "fullProfiles")
	require.Equal(t, inSet(lower(given["fullProfiles"]), "true", "false"), noFlag == nil)
	require.Equal(t, full, noFlag == nil && strings.EqualFold(given.Get("fullProfiles"), "true"))

	list, _, problem := readSearch(c)
	_, noPosition := readPosition(c)
	terms, good := 0, narrowed(given) && noPosition == nil
	for name, values := range given {
		attribute := profile.Path(strings.TrimPrefix(name, "not_"))
		switch {
		case slices.Contains(searchParameters, name):
			continue
		case slices.Contains([]profile.Path{"staff_information.director", "staff_information.manager", "staff_information.staff"}, attribute):
			good = good && inSet(lower(values), "true", "false")
		}
		terms += len(values)
		good = good && slices.Contains(profile.Searchable, attribute) && fits(values)
	}
	require.Equal(t, good && terms > 0 && terms <= maxTerms, problem == nil, "%v", problem)
	if problem != nil {
		requireDocumented(t, problem, "invalid_parameter")
		return
	}
	require.NoError(t, list.Validate())
	require.Equal(t, terms, len(list.With)+len(list.Without))
}

var decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,38})$`)

func requireNumber(t *testing.T, text string) {
	number, err := change.ParseNumber(text)
	if err != nil {
		require.Less(t, len(err.Error()), 1000)
		require.False(t, decimal.MatchString(text) && len(text) < 39, text)
		return
	}
	require.Regexp(t, decimal, text)
	require.Equal(t, text, string(number))
	require.Equal(t, number.Set(), number.Set().Set())
}

// FuzzBatches reads any bytes as a batch, as they come in pieces of one size or
// byte by byte, and compares what the stream finds with what is in them when
// they are read as a whole.
func FuzzBatches(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ {"user_id":{"value":"email|a"}} , {"user_id":{"value":"email|b"}}] `,
		`["{\"user_id\":{\"value\":\"email|a\"}}",{"user_id":{"value":"email|a"}},7,null,[[]],"x"]`,
		`[{"a":1,"a":2}]`, `[{"user_id":{"value":"\ud83d"}}]`, "[\"\xff\"]", `[1,]`, `[1 2]`, `[1]]`, `{}`, `null`, `[`, `[{"a":[`, "\ufeff[]",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, slow bool) {
		read, problem := readStream(t, body, slow)
		var whole []json.RawMessage
		err := json.Unmarshal(body, &whole)
		if problem == nil {
			require.NoError(t, err)
			require.Equal(t, len(whole), len(read))
			for i := range read {
				require.Equal(t, string(whole[i]), read[i])
			}
			return
		}
		requireDocumented(t, problem, "malformed_json", "invalid_profile", "payload_too_large", "too_many_profiles")
		// What is an array all the same has two readings, or is too large.
		if err == nil && whole != nil && len(body) <= MaxProfile && len(whole) <= MaxBatch {
			require.Equal(t, "malformed_json", problem.Code)
			require.False(t, jsontext.Value(body).IsValid())
		}
	})
}

// readStream reads a body to its end and requires of each element that it
// becomes a change or a documented refusal.
func readStream(t *testing.T, body []byte, slow bool) (read []string, problem *Error) {
	reader := io.Reader(bytes.NewReader(body))
	if slow {
		reader = iotest.OneByteReader(reader)
	}
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = &http.Request{Body: io.NopCloser(reader)}
	stream := newProfileStream(c)
	b := &batch{seen: map[string]int{}}
	for {
		p, problem := stream.next()
		if problem != nil || p == nil {
			return read, problem
		}
		require.Equal(t, len(read), p.index)
		read = append(read, string(p.text))
		submitted, ok := b.accept(*p)
		if !ok {
			last := b.rejections[len(b.rejections)-1]
			require.Equal(t, p.index, last.Index)
			requireDocumented(t, newError(http.StatusBadRequest, last.Code, last.Description), "malformed_json", "invalid_profile", "duplicate_profile")
			continue
		}
		require.NoError(t, vault.Query{After: submitted.UserID, Limit: 1}.Validate())
		kept, err := profile.Parse(submitted.Profile)
		require.NoError(t, err)
		require.Equal(t, submitted.UserID, kept.String(profile.UserID))
	}
}
