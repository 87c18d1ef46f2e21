package profile_test

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
)

// goldenCase is a request to the original and what it answered.
type goldenCase struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Query string `json:"query"`
	Auth  struct {
		Claims struct {
			Scope string `json:"scope"`
		} `json:"claims"`
	} `json:"auth"`
	Response json.RawMessage `json:"response_json"`
}

func goldenCases(t *testing.T, group string) []goldenCase {
	var cases []goldenCase
	for _, file := range testdata.Files(t, "golden/cases/*.json") {
		var c goldenCase
		if testdata.ReadJSON(t, file, &c); strings.HasPrefix(c.Group, group) {
			cases = append(cases, c)
		}
	}
	require.NotEmpty(t, cases)
	return cases
}

func TestReadersSeeWhatTheOriginalShowsThem(t *testing.T) {
	cases := append(goldenCases(t, "person.scopes"), goldenCases(t, "person.filterDisplay")...)
	var full *profile.Profile
	for _, c := range cases {
		if c.Name == "no filterDisplay" {
			require.Contains(t, c.Auth.Claims.Scope, "read:fullprofile display:all")
			full = parse(t, string(c.Response))
		}
	}
	require.NotNil(t, full)

	// The original forgot that there is a scope for the level private.
	ours := map[string][]profile.Path{"scope [display:private]": {"ssh_public_keys"}}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			seen := full.Visible(profile.AccessFor(strings.Fields(c.Auth.Claims.Scope)))
			query, err := url.ParseQuery(c.Query)
			require.NoError(t, err)
			if level := query.Get("filterDisplay"); level != "" {
				display, err := profile.ParseDisplay(level)
				require.Equal(t, c.Name == "filterDisplay=bogus", err != nil)
				seen = seen.NarrowTo(display)
			}
			original := parse(t, string(c.Response))
			require.ElementsMatch(t, append(paths(original), ours[c.Name]...), paths(seen))
			for path, a := range original.Attributes() {
				require.True(t, profile.EqualJSON(a.JSON(), seen.Get(path).JSON()), path)
			}
			if len(ours[c.Name]) == 0 {
				require.True(t, profile.EqualJSON(c.Response, seen.JSON()), "schema and empty groups, too")
			}
		})
	}
}

func TestPersonsAreInitialisedAsTheOriginalDoes(t *testing.T) {
	people := map[string]bool{}
	for _, c := range goldenCases(t, "") {
		p, err := profile.Parse(c.Response)
		if err != nil || p.Get(profile.UUID).IsNull() || p.Get(profile.UserID).IsNull() {
			continue
		}
		id := profile.PersonUUID("golden-test-salt", p.String(profile.UserID))
		require.Equal(t, p.String(profile.UUID), id.String(), c.Name)
		if name := p.String(profile.PrimaryUsername); strings.HasPrefix(name, "r--") {
			require.Equal(t, name, profile.FirstUsername(id), c.Name)
			people[id.String()] = true
		}
	}
	require.GreaterOrEqual(t, len(people), 5)
}

func TestTheEmptyProfileIsTheOriginals(t *testing.T) {
	require.True(t, profile.EqualJSON(testdata.Read(t, "user_profile_null.json"), profile.Empty().JSON()))
}

func TestSignedContentIsWhatTheOriginalSigns(t *testing.T) {
	var refused []string
	attributes := 0
	for _, file := range testdata.Files(t, "interop/signed/*.json") {
		var members map[string]json.RawMessage
		text := testdata.Read(t, file)
		if !json.Valid(text) {
			// The original writes and signs Infinity, which is not JSON and which
			// ours takes from nobody.
			_, err := profile.Parse(text)
			require.ErrorContains(t, err, "'I'")
			refused = append(refused, filepath.Base(file))
			continue
		}
		require.NoError(t, json.Unmarshal(text, &members))
		var signed []struct {
			Attribute profile.Path `json:"attribute"`
			Payload   string       `json:"payload_text"`
		}
		require.NoError(t, json.Unmarshal(members["signed"], &signed))
		p := parse(t, string(members["profile"]))
		for _, s := range signed {
			content, err := p.Get(s.Attribute).SignedContent()
			require.NoError(t, err)
			require.Equal(t, s.Payload, string(content), "%s: %s", file, s.Attribute)
			attributes++
		}
	}
	require.Equal(t, []string{"28-nan-infinity.json"}, refused)
	require.Greater(t, attributes, 25)

	var raw []struct {
		Name    string          `json:"name"`
		Loaded  json.RawMessage `json:"loaded"`
		Payload string          `json:"payload_text"`
	}
	testdata.ReadJSON(t, "interop/raw-sign.json", &raw)
	require.NotEmpty(t, raw)
	for _, r := range raw {
		content, err := one(t, string(r.Loaded)).SignedContent()
		require.NoError(t, err)
		require.Equal(t, r.Payload, string(content), r.Name)
	}
}

func TestRealProfilesAreKeptAsTheyWereReceived(t *testing.T) {
	for name, text := range testdata.SignedProfiles(t) {
		require.Equal(t, compact(t, string(text)), string(parse(t, string(text)).JSON()), name)
	}
}
