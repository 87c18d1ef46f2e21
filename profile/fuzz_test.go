package profile_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

// FuzzProfile reads any bytes as a profile. What is taken is exactly the JSON
// objects that have one reading; it is kept, merged, completed, signed and
// filtered as it was received, in a time that its length bounds.
func FuzzProfile(f *testing.F) {
	for _, seed := range []string{
		`{}`,
		`{"schema":"s","first_name":{"signature":{"publisher":{"alg":"RS256","typ":"JWS","name":"ldap","value":"a.b.c"},"additional":[]},` +
			`"metadata":{"classification":"PUBLIC","last_modified":"x","created":"x","verified":true,"display":"public"},"value":"Ad\u0061 \ud83d\udc1b"}}`,
		`{"access_information":{"ldap":{"values":{"a":null,"b/~c":"d"}},"hris":null},"staff_information":{"staff":{"value":true}},"identities":[]}`,
		`{"user_id":{"value":"ad|x"},"active":{"value":false},"last_modified":{"value":"x"},"uuid":{"value":null}, "usernames" : {"values": {"x": [1, 1.0, -0, 1e999]}}}`,
		`{"a":{"value":1,"values":null},"a.b":{"value":1},"":{"metadata":{"display":5}},"first\u005fname":{"value":""}}`,
		`{"first_name":{"value":"a"},"first\u005fname":{"value":"b"}}`,
		`{"uris":{"values":{"b":1,"a":{"b":1,"a":[[{}]]}}}}`,
		`[{}]`, `"{}"`, `{"a":"\ud83d"}`, "{\"a\":\"\xff\"}", "\ufeff{}", `{"a":NaN}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		defer func() { require.Less(t, time.Since(begun), 10*time.Second) }()
		p, err := profile.Parse(text)
		strict := jsontext.Value(text)
		require.Equal(t, strict.IsValid() && strict.Kind() == '{', err == nil, "%v", err)
		if err != nil {
			return
		}
		requireKept(t, text, p)
		requireMergedAndSaid(t, p)
		for path, a := range p.Attributes() {
			require.Same(t, p.Get(path), a)
			requireSignedContent(t, a)
		}
		requireFiltered(t, p)
	})
}

// requireKept requires that the profile is printed as the value that it was,
// and that what is printed is read as it is.
func requireKept(t *testing.T, text []byte, p *profile.Profile) {
	printed := p.JSON()
	require.True(t, profile.EqualJSON(text, printed), "%s", printed)
	require.Equal(t, decoded(t, text), decoded(t, printed), "%s", printed)
	require.Equal(t, string(printed), string(parse(t, string(printed)).JSON()))
}

// decoded is the value that another decoder reads, with its numbers as they
// are written.
func decoded(t *testing.T, text []byte) (value any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&value))
	return value
}

func requireMergedAndSaid(t *testing.T, p *profile.Profile) {
	merged, changed := profile.Merge(profile.Empty(), p)
	again, more := profile.Merge(merged, p)
	require.Empty(t, more, "merging twice changes nothing more")
	require.Same(t, merged, again)
	require.ElementsMatch(t, differing(profile.Empty(), merged), changed)
	for _, path := range changed {
		require.Equal(t, string(p.Get(path).JSON()), string(merged.Get(path).JSON()), path)
	}
	require.Equal(t, string(merged.JSON()), string(parse(t, string(merged.JSON())).JSON()))

	said := profile.Said(p)
	require.Equal(t, string(said.JSON()), string(profile.Said(said).JSON()), "what was said is what was said")
	require.Equal(t, string(said.JSON()), string(parse(t, string(said.JSON())).JSON()))
	for path, a := range p.Attributes() {
		if !a.IsNull() {
			require.Same(t, a, said.Get(path), path)
		}
	}
}

// requireSignedContent requires what the original signs: all of the attribute
// but its signature, compact and in ASCII.
func requireSignedContent(t *testing.T, a *profile.Attribute) {
	content, err := a.SignedContent()
	require.NoError(t, err)
	want, ok := decoded(t, a.JSON()).(map[string]any)
	require.True(t, ok)
	delete(want, "signature")
	require.Equal(t, want, decoded(t, content))
	require.Equal(t, compact(t, string(content)), string(content))
	require.Equal(t, -1, bytes.IndexFunc(content, func(r rune) bool { return r > 0x7e }))
}

// requireFiltered requires that filters only take away, and that the less
// somebody may see the less is shown.
func requireFiltered(t *testing.T, p *profile.Profile) {
	require.Same(t, p, p.Visible(profile.AccessFor([]string{"read:fullprofile", "display:all"})))
	least := p.Visible(profile.AccessFor(nil))
	some := p.Visible(profile.AccessFor([]string{"display:staff", "display:none", "classification:workgroup"}))
	for path, a := range least.Attributes() {
		require.Same(t, a, some.Get(path), path)
	}
	for _, shown := range []*profile.Profile{some, p.NarrowTo("staff")} {
		require.Equal(t, string(shown.JSON()), string(parse(t, string(shown.JSON())).JSON()))
		for path, a := range shown.Attributes() {
			require.Same(t, a, p.Get(path), path)
		}
	}
	for _, term := range p.Terms() {
		require.True(t, slices.Contains(profile.Searchable, term.Attribute) || term.Attribute == profile.PrimaryEmail)
		require.False(t, p.Get(term.Attribute).IsNull())
	}
}
