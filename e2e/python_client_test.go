package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// pythonClient asks what the original's publishers ask, spelt as there, and
// takes out of the answers what they take.
type pythonClient struct {
	*process
	publisher, token string
	// known are the people that the publisher has asked for, id by email.
	known   map[string]string
	byEmail map[string]string
}

// newPythonClient gets a token as the publishers do: JSON, with no scopes
// named, which grants all that the client has.
func newPythonClient(p *process, publisher string) *pythonClient {
	body := fmt.Sprintf(`{"client_id": "%s", "client_secret": "%s-secret", "audience": "api.dev.sso.allizom.org", "grant_type": "client_credentials"}`,
		publisher, publisher)
	r := p.wire(p.issuer, http.MethodPost, "/oauth/token", []byte(body), "Accept-Encoding: identity", "content-type: application/json")
	token, ok := r.body["access_token"].(string)
	require.True(p.t, ok, r.text)
	return &pythonClient{process: p, publisher: publisher, token: token, known: map[string]string{}, byEmail: map[string]string{}}
}

// requestsURL encodes a URL as the HTTP library does that gets it as it is:
// what may not be in a URL at all, and nothing more.
func requestsURL(s string) string {
	valid := true
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			break
		}
		valid = valid && len(after) >= 2 && strings.Trim(after[:2], "0123456789abcdefABCDEF") == ""
		rest = after
	}
	return percent(s, func(c byte) bool {
		return unreserved(c) || c == '%' && valid || strings.IndexByte("!$&'()*+,;=:@/?", c) >= 0
	})
}

// quotePlus encodes one segment as for a form.
func quotePlus(s string) string {
	return strings.ReplaceAll(percent(s, func(c byte) bool { return unreserved(c) || c == ' ' }), " ", "+")
}

// pythonRepr is a string as Python shows it inside a dict.
func pythonRepr(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
}

// pythonJSON writes compact JSON as Python does: spaces after commas and
// colons, ASCII only.
func pythonJSON(compact []byte) []byte {
	var out strings.Builder
	quoted, escaped := false, false
	for _, r := range string(compact) {
		switch {
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
			continue
		case r > 0x7e:
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
		if !quoted && (r == ',' || r == ':') {
			out.WriteByte(' ')
		}
		if r == '"' && !escaped {
			quoted = !quoted
		}
		escaped = r == '\\' && !escaped
	}
	return []byte(out.String())
}

func (c *pythonClient) headers() []string {
	return []string{"User-Agent: python-requests/2.22.0", "Accept-Encoding: gzip, deflate", "Accept: */*",
		"Connection: keep-alive", "authorization: Bearer " + c.token}
}

// get requires what the publishers raise an error without: a status below 400
// and JSON.
func (c *pythonClient) get(target string, into any) {
	r := c.wire(c.api, http.MethodGet, requestsURL(target), nil, c.headers()...)
	require.Less(c.t, r.status, 400, "%s: %s", target, r.text)
	require.NoError(c.t, json.Unmarshal([]byte(r.text), into), r.text)
}

// pages follows nextPage, put after the target as separator + "nextPage=",
// until it is null or missing, and tells how many pages there were. page gets
// an answer and returns its nextPage.
func (c *pythonClient) pages(target, separator string, page func(target string) (next any)) int {
	next := page(target)
	count := 1
	for ; next != nil; count++ {
		position, isText := next.(string)
		if !isText {
			members, isDict := next.(map[string]any)
			require.True(c.t, isDict && len(members) == 1, next)
			position = "{" + pythonRepr("id") + ": " + pythonRepr(members["id"].(string)) + "}"
		}
		require.NotEmpty(c.t, position, "an empty string begins the list anew, for ever")
		require.Less(c.t, count, 100, "the list does not end")
		next = page(target + separator + "nextPage=" + position)
	}
	return count
}

// knownUser is a person in the list of ids; all members are looked up.
type knownUser struct {
	UserID       *string `json:"user_id"`
	PrimaryEmail *string `json:"primary_email"`
	UUID         *string `json:"uuid"`
	Active       *bool   `json:"active"`
}

// knowUsers asks for the ids that begin with the method.
func (c *pythonClient) knowUsers(method string, includeInactive bool) (all []knownUser) {
	states := []string{"True"}
	if includeInactive {
		states = append(states, "False")
	}
	for _, state := range states {
		c.pages("/v2/users/id/all?connectionMethod="+method+"&active="+state, "&", func(target string) any {
			var answer struct {
				Users    []knownUser `json:"users"`
				NextPage any         `json:"nextPage"`
			}
			c.get(target, &answer)
			for _, u := range answer.Users {
				require.NotNil(c.t, u.UserID)
				require.NotNil(c.t, u.PrimaryEmail)
				c.known[*u.UserID], c.byEmail[*u.PrimaryEmail] = *u.PrimaryEmail, *u.UserID
			}
			all = append(all, answer.Users...)
			return answer.NextPage
		})
	}
	return all
}

// matching asks for whole profiles by attributes, given as the query has
// them. It returns what the HR publisher keeps, by id.
func (c *pythonClient) matching(attributes string) (found map[string]map[string]any, pages int) {
	found = map[string]map[string]any{}
	pages = c.pages("/v2/users/id/all/by_attribute_contains?fullProfiles=True&"+attributes, "&", func(target string) any {
		var answer struct {
			Users []struct {
				ID      map[string]any `json:"id"`
				Profile map[string]any `json:"profile"`
			} `json:"users"`
			NextPage any `json:"nextPage"`
		}
		c.get(target, &answer)
		for _, u := range answer.Users {
			require.IsType(c.t, "", u.ID["value"])
			found[u.ID["value"].(string)] = u.Profile
		}
		return answer.NextPage
	})
	return found, pages
}

// everybody asks for all profiles.
func (c *pythonClient) everybody() (found map[string]map[string]any, pages int) {
	found = map[string]map[string]any{}
	pages = c.pages("/v2/users", "?", func(target string) any {
		var answer struct {
			Items    []map[string]any `json:"Items"`
			NextPage any              `json:"nextPage"`
		}
		c.get(target, &answer)
		for _, p := range answer.Items {
			found[valueAt(c.t, p, "user_id").(string)] = p
		}
		return answer.NextPage
	})
	return found, pages
}

// valueAt reads a decoded profile's attribute by its path.
func valueAt(t require.TestingT, p map[string]any, path ...string) any {
	var at any = p
	for _, name := range path {
		members, _ := at.(map[string]any)
		require.Contains(t, members, name, path)
		at = members[name]
	}
	members, _ := at.(map[string]any)
	if values, ok := members["values"]; ok {
		return values
	}
	require.Contains(t, members, "value", path)
	return members["value"]
}

func (c *pythonClient) user(id string) *profile.Profile {
	var raw json.RawMessage
	c.get("/v2/user/user_id/"+quotePlus(id), &raw)
	read, err := profile.Parse(raw)
	require.NoError(c.t, err)
	return read
}

// post sends a profile as new, or as an update of a person with this id where
// that is known.
func (c *pythonClient) post(id string, body []byte) reply {
	target := "/v2/user"
	if _, known := c.known[id]; known {
		target += "?user_id=" + id
	}
	return c.wire(c.api, http.MethodPost, requestsURL(target), pythonJSON(body),
		append(c.headers(), "Content-Type: application/json")...)
}

// posted requires an answer that the publishers take as a success and returns
// its condition.
func (c *pythonClient) posted(id string, body []byte) string {
	r := c.post(id, body)
	require.Less(c.t, r.status, 400, r.text)
	condition, _ := r.body["condition"].(string)
	return condition
}

// build makes a profile as the publishers do: the whole empty profile, with
// some values of theirs, signed. The creation time stays that of the empty
// profile.
func (c *pythonClient) build(values ...value) *profile.Profile {
	built := profile.Empty()
	for _, v := range values {
		set, err := built.Set(v.path, v.value, time.Now())
		require.NoError(c.t, err)
		set, err = set.Show(v.path, v.shown)
		require.NoError(c.t, err)
		m := set.Get(v.path).Metadata()
		m.Created = profile.Empty().Get(v.path).Metadata().Created
		a, err := set.Get(v.path).WithMetadata(m)
		require.NoError(c.t, err)
		built = set.With(v.path, unbound(c.process, c.publisher, a))
	}
	return built
}

// filtered takes out of a known person's profile what the publisher may not
// update: the value becomes null, the signature empty, the rest stays. name is
// whom the publisher takes itself for.
func (c *pythonClient) filtered(built *profile.Profile, name string) *profile.Profile {
	var rules struct {
		Update map[string]any `json:"update"`
	}
	require.NoError(c.t, json.Unmarshal([]byte(c.must(http.MethodGet, "/.well-known/mozilla-iam-publisher-rules", "", nil).text), &rules))
	for path, a := range built.Attributes() {
		top := string(path)
		if path.Group() != "" {
			top = path.Group()
		}
		owner, isName := rules.Update[top].(string)
		ownPart := !isName && a.Publisher() == name
		if path == profile.UserID || path == profile.Active || ownPart || isName && owner == name {
			continue
		}
		nulled, err := a.WithValue([]byte("null"))
		require.NoError(c.t, err)
		built = built.With(path, withSignature(c.process, nulled, a.Publisher(), ""))
	}
	return built
}
