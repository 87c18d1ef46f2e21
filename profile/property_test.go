package profile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cis/profile"
)

// The generators make JSON as text, so that spellings vary as well as values.

var genString = rapid.Custom(func(t *rapid.T) string {
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "Z", " ", "é", "北", "🐛", "\u2028", "\x7f", `\"`, `\\`, `\/`, `/`, `\b`, `\n`, `\u0000`, `\u00e9`, `\u00E9`, `\ud83d\udc1b`, "<", "&",
	}), 0, 4).Draw(t, "pieces")
	return `"` + strings.Join(pieces, "") + `"`
})

var genNumber = rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "1e5", "1E+5", "0.10", "-12.5e-3", "12345678901234567890", "9007199254740993", "1e999"})

var genSpace = rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "\r\n"})

// genJSON makes a JSON value of a limited depth, with white space in it.
func genJSON(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 0:
			return genString.Draw(t, "string")
		case 1:
			return genNumber.Draw(t, "number")
		case 2:
			return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
		case 3:
			return rapid.SampledFrom([]string{"{}", "[]", "{ }", "[\n]"}).Draw(t, "empty")
		case 4:
			items := rapid.SliceOfN(genJSON(depth-1), 0, 3).Draw(t, "items")
			return list(t, "[", "]", items)
		}
		return object(t, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "value", "", "metadata", "n é", "signature"}), 0, 3, rapid.ID[string]).Draw(t, "names"),
			func(string) string { return genJSON(depth-1).Draw(t, "member") })
	})
}

func list(t *rapid.T, open, end string, items []string) string {
	space := func() string { return genSpace.Draw(t, "space") }
	var b strings.Builder
	b.WriteString(open + space())
	for i, item := range items {
		if i > 0 {
			b.WriteString(space() + "," + space())
		}
		b.WriteString(item)
	}
	return b.String() + space() + end
}

func object(t *rapid.T, names []string, value func(name string) string) string {
	var members []string
	for _, name := range names {
		members = append(members, fmt.Sprintf("%q%s:%s%s", name, genSpace.Draw(t, "space"), genSpace.Draw(t, "space"), value(name)))
	}
	return list(t, "{", "}", members)
}

var memberNames = []string{"schema", "user_id", "first_name", "usernames", "active", "last_modified", "shoe_size", "a.b", "",
	"identities", "access_information", "staff_information"}

// genAnyProfile makes any JSON object with the names that profiles have.
var genAnyProfile = rapid.Custom(func(t *rapid.T) string {
	members := rapid.SliceOfNDistinct(rapid.SampledFrom(memberNames), 0, 8, rapid.ID[string]).Draw(t, "members")
	return object(t, members, func(name string) string {
		if strings.HasSuffix(name, "ies") || strings.HasSuffix(name, "_information") {
			in := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ldap", "hris", "title", "github_id_v3", "schema", "x.y"}), 0, 3, rapid.ID[string]).Draw(t, "in group")
			return object(t, in, func(string) string { return genJSON(3).Draw(t, "member of a group") })
		}
		return genJSON(4).Draw(t, name)
	})
})

func compact(t require.TestingT, text string) string {
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)))
	return b.String()
}

func TestAnyProfileIsKeptAsItWasReceived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genAnyProfile.Draw(t, "profile")
		p := parse(t, text)
		require.Equal(t, compact(t, text), string(p.JSON()))
		require.Equal(t, string(p.JSON()), string(parse(t, string(p.JSON())).JSON()))

		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &members))
		for path, a := range p.Attributes() {
			raw := members[string(path)]
			if group := path.Group(); group != "" {
				var in map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(members[group], &in))
				raw = in[path.Name()]
			}
			require.Equal(t, compact(t, string(raw)), string(a.JSON()), path)
		}
	})
}

func TestSignedContentIsTheAttributeWithoutItsSignature(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := object(t, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"signature", "metadata", "value", "values", "extra é"}), 0, 5, rapid.ID[string]).Draw(t, "members"),
			func(string) string { return genJSON(3).Draw(t, "member") })
		content, err := one(t, text).SignedContent()
		require.NoError(t, err)

		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		delete(want, "signature")
		wanted, err := json.Marshal(want)
		require.NoError(t, err)
		require.True(t, profile.EqualJSON(wanted, content), "%s", content)
		require.Equal(t, compact(t, string(content)), string(content), "it is compact")
		for _, b := range content {
			require.Less(t, b, byte(0x80), "it is ASCII")
		}
	})
}

// attributePaths are enough for every rule: in and out of groups, with value
// and values, and one that v2 does not know.
var attributePaths = []profile.Path{"user_id", "first_name", "active", "last_modified", "uuid", "usernames", "shoe_size",
	"access_information.ldap", "staff_information.title", "identities.github_id_v3"}

var genAttribute = rapid.Custom(func(t *rapid.T) attr {
	a := attr{
		by:         rapid.SampledFrom([]string{"ldap", "hris", "mozilliansorg", "cis", "access_provider", ""}).Draw(t, "by"),
		display:    rapid.SampledFrom([]string{"", "public", "staff"}).Draw(t, "display"),
		unverified: rapid.Bool().Draw(t, "unverified"),
		signature:  rapid.SampledFrom([]string{"a.b.c", "d.e.f"}).Draw(t, "signature"),
		modified:   rapid.SampledFrom([]string{"2024-01-02T03:04:05.000Z", "2025-01-02T03:04:05.000Z"}).Draw(t, "modified"),
	}
	value := rapid.SampledFrom([]string{"null", "null", `"a"`, `"\u0061"`, `"b"`, "true", "false", "1", "1.0", "{}", `{"g":null}`, `{"g":null,"h":""}`, `{"h":"","g":null}`}).Draw(t, "value")
	if rapid.Bool().Draw(t, "plural") {
		a.values = value
	} else {
		a.value = value
	}
	return a
})

// genProfile makes a profile, partial or complete, of attributes in any order.
var genProfile = rapid.Custom(func(t *rapid.T) *profile.Profile {
	p := parse(t, rapid.SampledFrom([]string{`{}`, `{"schema":"s"}`, `{"first_name":null,"identities":null}`, `{"staff_information":{},"other":[1]}`}).Draw(t, "start"))
	if rapid.Bool().Draw(t, "complete") {
		p = profile.Empty()
	}
	for _, path := range rapid.SliceOfDistinct(rapid.SampledFrom(attributePaths), rapid.ID[profile.Path]).Draw(t, "paths") {
		p = p.With(path, one(t, genAttribute.Draw(t, string(path)).json()))
	}
	return p
})

func TestMergeProperties(t *testing.T) {
	rules := publisherRules(t)
	rapid.Check(t, func(t *rapid.T) {
		stored, incoming := genProfile.Draw(t, "stored"), genProfile.Draw(t, "incoming")
		storedBefore, incomingBefore := string(stored.JSON()), string(incoming.JSON())
		merged, changed := profile.Merge(stored, incoming)

		require.Equal(t, storedBefore, string(stored.JSON()), "the stored profile itself stays as it was")
		require.Equal(t, incomingBefore, string(incoming.JSON()), "so does the incoming one")
		if len(changed) == 0 {
			require.Equal(t, storedBefore, string(merged.JSON()), "a no-op returns the stored profile byte for byte")
		}

		again, more := profile.Merge(merged, incoming)
		require.Empty(t, more, "merging twice changes nothing more")
		require.Equal(t, string(merged.JSON()), string(again.JSON()))

		for path, a := range stored.Attributes() {
			require.NotNil(t, merged.Get(path), "%s stays", path)
			if !a.IsNull() {
				require.False(t, merged.Get(path).IsNull(), "a null never erases %s", path)
			}
		}
		require.ElementsMatch(t, differing(stored, merged), changed, "the changed paths are those that differ")
		for path, a := range merged.Attributes() {
			from := stored
			if slices.Contains(changed, path) {
				from = incoming
			}
			require.Equal(t, string(from.Get(path).JSON()), string(a.JSON()), "%s is one or the other, whole", path)
		}

		if v := rules.Check(stored, merged); v != nil {
			require.Contains(t, changed, v.Path, "only what changed can be refused")
		}
		require.Nil(t, rules.Check(merged, merged), "no change is always allowed")
	})
}

func TestSaidProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		incoming := genProfile.Draw(t, "incoming")
		said := profile.Said(incoming)
		require.Equal(t, string(said.JSON()), string(profile.Said(said).JSON()), "what was said is what was said")
		for path, a := range incoming.Attributes() {
			if !a.IsNull() {
				require.Equal(t, string(a.JSON()), string(said.Get(path).JSON()), path)
			}
		}
		for path, a := range said.Attributes() {
			require.False(t, a.IsNull() && profile.Empty().Get(path) != nil, path)
		}
		merged, _ := profile.Merge(profile.Empty(), incoming)
		again, _ := profile.Merge(profile.Empty(), said)
		require.Equal(t, string(merged.JSON()), string(again.JSON()), "what is null changes nothing")
	})
}

func TestFilterProperties(t *testing.T) {
	scopes := []string{"read:fullprofile", "display:all", "display:none", "display:staff", "display:private", "classification:workgroup"}
	rapid.Check(t, func(t *rapid.T) {
		p := genProfile.Draw(t, "profile")
		some := rapid.SliceOfDistinct(rapid.SampledFrom(scopes), rapid.ID[string]).Draw(t, "scopes")
		less := p.Visible(profile.AccessFor(some))
		more := p.Visible(profile.AccessFor(append(some, rapid.SampledFrom(scopes).Draw(t, "one more"))))
		require.Subset(t, paths(p), paths(more))
		require.Subset(t, paths(more), paths(less), "a scope never takes away")
		require.Equal(t, string(less.JSON()), string(less.Visible(profile.AccessFor(some)).JSON()), "filtering twice changes nothing more")
		for path, a := range less.Attributes() {
			require.Same(t, p.Get(path), a)
		}
	})
}
