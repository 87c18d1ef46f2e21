package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// rustClient asks what the Rust client of the original asks, spelt as there,
// and understands of the answers what that one understands.
type rustClient struct {
	*process
	token string
	// The endpoints as its users configure them. Only the first ends in a
	// slash: the kind of key is joined to it as a relative URL.
	personUser, personUsers, changeUser, changeUsers string
}

// newRustClient gets a token as the client does: a form, with the scopes asked
// for.
func newRustClient(p *process, scopes ...string) *rustClient {
	form := "client_id=dev&client_secret=dev-secret&audience=api.dev.sso.allizom.org&grant_type=client_credentials&scope=" +
		strings.ReplaceAll(url.QueryEscape(strings.Join(scopes, " ")), "%20", "+")
	r := p.wire(p.issuer, http.MethodPost, "/oauth/token", []byte(form),
		"content-type: application/x-www-form-urlencoded", "accept: */*")
	token, ok := r.body["access_token"].(string)
	require.True(p.t, ok, r.text)
	return &rustClient{p, token, "/v2/user/", "/v2/users", "/v2/user", "/v2/users"}
}

var (
	errRustStatus = errors.New("the status is an error")
	errRustDecode = errors.New("the answer cannot be read")
	// errRustAbsent is how the client says that there is no such profile.
	errRustAbsent = errors.New("profile does not exist")
)

// rustEscape percent-encodes controls, what is not ASCII, and this set; among
// what it leaves alone are + and & and %.
func rustEscape(s string) string {
	return percent(s, func(c byte) bool {
		return c > 0x1f && c < 0x7f && strings.IndexByte(" \"#<>`?{}/:;=@[\\]^|", c) < 0
	})
}

// rustQuery is a query as the URL type of the client takes it.
func rustQuery(query string) string { return strings.ReplaceAll(query, "'", "%27") }

// rustJoin resolves a relative reference without dot segments.
func rustJoin(base, reference string) string {
	if reference == "" {
		return base
	}
	return base[:strings.LastIndexByte(base, '/')+1] + reference
}

func (c *rustClient) send(method, target string, payload []byte) (reply, error) {
	headers := []string{"authorization: Bearer " + c.token, "accept: */*"}
	if payload != nil {
		headers = append([]string{"content-type: application/json"}, headers...)
	}
	r := c.wire(c.api, method, target, payload, headers...)
	switch {
	case r.status >= 400:
		return r, fmt.Errorf("%w: %d %s", errRustStatus, r.status, r.text)
	case !json.Valid([]byte(r.text)):
		return r, errRustDecode
	}
	return r, nil
}

// user looks a person up. The kind is a path segment, active "true", "false"
// or "any"; the filter "" is none.
func (c *rustClient) user(kind, id, filter, active string) (rustProfile, error) {
	target := rustJoin(rustJoin(c.personUser, kind+"/"), strings.TrimLeft(rustEscape(id), ".")) + "?"
	if filter != "" {
		target += "filterDisplay=" + filter + "&"
	}
	r, err := c.send(http.MethodGet, target+"active="+active, nil)
	if err != nil {
		return nil, err
	}
	read, err := parseRust([]byte(r.text))
	if err == nil && read["uuid"].text() == "" {
		return nil, errRustAbsent
	}
	return read, err
}

// rustBatch is a page; profiles that cannot be read are left out of it, so a
// reader never learns of them.
type rustBatch struct {
	items []rustProfile
	next  *string
}

func (c *rustClient) batch(next *string, filter string) (rustBatch, error) {
	target := c.personUsers
	switch {
	case next != nil:
		// The next page's query replaces the filter.
		text := strings.TrimSuffix(string(rustMarshal(map[string]string{"id": *next})), "\n")
		target += "?" + rustQuery("nextPage="+rustEscape(text))
	case filter != "":
		target += "?filterDisplay=" + filter
	}
	r, err := c.send(http.MethodGet, target, nil)
	if err != nil {
		return rustBatch{}, err
	}
	var answer struct {
		Items    []json.RawMessage `json:"Items"`
		NextPage json.RawMessage   `json:"nextPage"`
	}
	if json.Unmarshal([]byte(r.text), &answer) != nil {
		return rustBatch{}, errRustDecode
	}
	var page rustBatch
	for _, item := range answer.Items {
		if read, err := parseRust(item); err == nil {
			page.items = append(page.items, read)
		}
	}
	var position struct {
		ID *string `json:"id"`
	}
	if json.Unmarshal(answer.NextPage, &position) == nil {
		page.next = position.ID // anything else ends the list
	}
	return page, nil
}

// users reads all pages.
func (c *rustClient) users(filter string) (pages [][]rustProfile) {
	for page, err := c.batch(nil, filter); ; page, err = c.batch(page.next, filter) {
		require.NoError(c.t, err)
		pages = append(pages, page.items)
		if page.next == nil {
			return pages
		}
		require.Less(c.t, len(pages), 100, "the list does not end")
	}
}

func (c *rustClient) update(id string, body rustProfile) (reply, error) {
	return c.send(http.MethodPost, c.changeUser+"?"+rustQuery("user_id="+rustEscape(id)), body.json())
}

func (c *rustClient) delete(id string, body rustProfile) (reply, error) {
	return c.send(http.MethodDelete, c.changeUser+"?"+rustQuery("user_id="+rustEscape(id)), body.json())
}

// updateAll sends profiles in batches of 25.
func (c *rustClient) updateAll(all []rustProfile) (replies []reply, err error) {
	for chunk := range slices.Chunk(all, 25) {
		bodies := make([][]byte, len(chunk))
		for i, body := range chunk {
			bodies[i] = body.json()
		}
		r, err := c.send(http.MethodPost, c.changeUsers, slices.Concat([]byte("["), bytes.Join(bodies, []byte(",")), []byte("]")))
		if err != nil {
			return replies, err
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// rustProfile is a profile as the client's types hold it: every attribute that
// they know, those that an answer lacks with their defaults.
type rustProfile map[profile.Path]*rustAttribute

type rustAttribute struct {
	Metadata  rustMetadata
	Signature rustSignature
	plural    bool
	value     any // string, bool or map[string]*string; nil when there is none
}

type rustMetadata struct {
	Classification string  `json:"classification"`
	Created        string  `json:"created"`
	Display        *string `json:"display"`
	LastModified   string  `json:"last_modified"`
	Verified       bool    `json:"verified"`
}

type rustSigned struct {
	Alg   string  `json:"alg"`
	Name  *string `json:"name"`
	Typ   string  `json:"typ"`
	Value string  `json:"value"`
}

type rustSignature struct {
	Additional []rustSigned `json:"additional"`
	Publisher  rustSigned   `json:"publisher"`
}

func (a *rustAttribute) text() string {
	text, _ := a.value.(string)
	return text
}

// rustPaths are the attributes that the client knows: all but the three
// youngest.
var rustPaths = func() (paths []profile.Path) {
	for path := range profile.Empty().Attributes() {
		if !strings.HasPrefix(path.Name(), "custom_") {
			paths = append(paths, path)
		}
	}
	return paths
}()

func rustKind(path profile.Path) (plural, flag bool) {
	switch path {
	case profile.Active, "staff_information.manager", "staff_information.director", "staff_information.staff":
		return false, true
	case "usernames", "languages", "pgp_public_keys", "ssh_public_keys", "phone_numbers", "tags", "uris":
		return true, false
	}
	return path.Group() == "access_information", false
}

// defaultRust is a profile of which nothing is known; active is true all the
// same.
func defaultRust() rustProfile {
	const epoch = "1970-01-01T00:00:00.000Z"
	p, name := rustProfile{}, "mozilliansorg"
	for _, path := range rustPaths {
		plural, _ := rustKind(path)
		p[path] = &rustAttribute{
			Metadata: rustMetadata{Classification: profile.Empty().Get(path).Metadata().Classification,
				Created: epoch, LastModified: epoch},
			Signature: rustSignature{Additional: []rustSigned{}, Publisher: rustSigned{Alg: "RS256", Name: &name, Typ: "JWS"}},
			plural:    plural,
		}
	}
	p[profile.Active].value = true
	return p
}

// parseRust reads an answer with the client's strictness: an attribute that is
// there must be whole, with values of the enumerations it knows; members that
// it does not know are passed over.
func parseRust(text []byte) (rustProfile, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errRustDecode
	}
	p := defaultRust()
	for _, path := range rustPaths {
		raw, ok := members[string(path)]
		if path.Group() != "" {
			var group map[string]json.RawMessage
			if text, there := members[path.Group()]; there && (json.Unmarshal(text, &group) != nil || group == nil) {
				return nil, errRustDecode
			}
			raw, ok = group[path.Name()]
		}
		if !ok {
			continue
		}
		a, err := parseRustAttribute(path, raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p[path] = a
	}
	return p, nil
}

func parseRustAttribute(path profile.Path, raw json.RawMessage) (*rustAttribute, error) {
	var read struct {
		Metadata *struct {
			Classification, Created *string
			Display                 *string
			LastModified            *string `json:"last_modified"`
			Verified                *bool
		}
		Signature *struct {
			Additional *[]rustSigned
			Publisher  *rustSigned
		}
		Value, Values json.RawMessage
	}
	if json.Unmarshal(raw, &read) != nil || read.Metadata == nil || read.Signature == nil ||
		read.Signature.Additional == nil || read.Signature.Publisher == nil || read.Signature.Publisher.Name == nil {
		return nil, errRustDecode
	}
	m, plural, flag := read.Metadata, false, false
	plural, flag = rustKind(path)
	if m.Classification == nil || m.Created == nil || m.LastModified == nil || m.Verified == nil {
		return nil, errRustDecode
	}
	a := &rustAttribute{plural: plural, Signature: rustSignature{*read.Signature.Additional, *read.Signature.Publisher}}
	created, err := time.Parse(time.RFC3339, *m.Created)
	modified, err2 := time.Parse(time.RFC3339, *m.LastModified)
	if errors.Join(err, err2) != nil {
		return nil, errRustDecode
	}
	// Times are written with milliseconds, however they came.
	a.Metadata = rustMetadata{*m.Classification, profile.Timestamp(created), m.Display, profile.Timestamp(modified), *m.Verified}
	known := slices.Contains([]string{"PUBLIC", "MOZILLA CONFIDENTIAL", "WORKGROUP CONFIDENTIAL",
		"WORKGROUP CONFIDENTIAL: STAFF ONLY", "INDIVIDUAL CONFIDENTIAL"}, *m.Classification) &&
		(m.Display == nil || slices.Contains([]string{"public", "authenticated", "vouched", "ndaed", "staff", "private"}, *m.Display)) &&
		slices.Contains(profile.Publishers, *a.Signature.Publisher.Name)
	for _, signed := range append(slices.Clone(a.Signature.Additional), a.Signature.Publisher) {
		known = known && slices.Contains([]string{"HS256", "RS256", "RSA", "ED25519"}, signed.Alg) &&
			slices.Contains([]string{"JWS", "PGP"}, signed.Typ)
	}
	if !known {
		return nil, errRustDecode
	}
	return a, a.readValue(flag, read.Value, read.Values)
}

func (a *rustAttribute) readValue(flag bool, value, values json.RawMessage) error {
	var text *string
	var truth *bool
	var entries map[string]*string
	var err error
	switch {
	case a.plural && values != nil:
		if err = json.Unmarshal(values, &entries); entries != nil {
			a.value = entries
		}
	case flag && !a.plural && value != nil:
		if err = json.Unmarshal(value, &truth); truth != nil {
			a.value = *truth
		}
	case !a.plural && value != nil:
		if err = json.Unmarshal(value, &text); text != nil {
			a.value = *text
		}
	}
	if err != nil {
		return errRustDecode
	}
	return nil
}

// set gives the attribute a value and signs it, as the services built on the
// client do: shown to staff unless it is shown already.
func (p rustProfile) set(by *process, path profile.Path, v any, publisher string) {
	a := p[path]
	a.value = v
	if a.Metadata.Display == nil && path != profile.Active {
		staff := "staff"
		a.Metadata.Display = &staff
	}
	a.Metadata.LastModified = profile.Timestamp(time.Now())
	content := a.members()
	delete(content, "signature")
	a.Signature.Publisher = rustSigned{"RS256", &publisher, "JWS", by.unboundJWS(publisher, rustMarshal(content))}
}

func (a *rustAttribute) members() map[string]any {
	name := "value"
	if a.plural {
		name = "values"
	}
	return map[string]any{"metadata": a.Metadata, "signature": a.Signature, name: a.value}
}

// json is the profile as a request's body.
func (p rustProfile) json() []byte {
	body := map[string]any{"schema": "https://person-api.sso.mozilla.com/schema/v2/profile"}
	for _, path := range slices.Sorted(maps.Keys(p)) {
		if path.Group() == "" {
			body[string(path)] = p[path].members()
			continue
		}
		group, ok := body[path.Group()].(map[string]any)
		if !ok {
			group = map[string]any{}
			body[path.Group()] = group
		}
		group[path.Name()] = p[path].members()
	}
	return rustMarshal(body)
}

// rustMarshal is compact JSON in UTF-8, with nothing escaped that need not be.
func rustMarshal(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
