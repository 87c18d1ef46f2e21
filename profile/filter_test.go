package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// shown is a profile with an attribute for each classification and display
// level, named for them.
func shown(t *testing.T) *profile.Profile {
	a := attrs{}
	for name, classification := range map[string]string{
		"public": "PUBLIC", "mozilla": "MOZILLA CONFIDENTIAL", "workgroup": "WORKGROUP CONFIDENTIAL",
		"staffonly": "WORKGROUP CONFIDENTIAL: STAFF ONLY", "individual": "INDIVIDUAL CONFIDENTIAL",
		"unknown": "SECRET", "lower": "public",
	} {
		a[profile.Path("c_"+name)] = attr{classification: classification, display: "public"}
		a[profile.Path("identities.c_"+name)] = attr{classification: classification, display: "public"}
	}
	for _, display := range []string{"public", "authenticated", "vouched", "ndaed", "staff", "private", "", "friends", "Public"} {
		name := "d_" + display
		if display == "" {
			name = "d_null"
		}
		a[profile.Path(name)] = attr{classification: "PUBLIC", display: display}
		a[profile.Path("identities."+name)] = attr{classification: "PUBLIC", display: display}
	}
	return a.on(t, parse(t, `{"schema":"https://example.com/schema","shoe_size":"44","list":[1],"nothing":null,`+
		`"identities":{"plain":"x"},"staff_information":{},"access_information":{"ldap":`+attr{classification: "SECRET"}.json()+`}}`))
}

func TestVisible(t *testing.T) {
	const always = "c_public d_public "
	for name, c := range map[string]struct{ scopes, visible string }{
		"without scopes what is PUBLIC and public": {"", ""},
		"classification:public says nothing new":   {"classification:public", ""},
		"display:public says nothing new":          {"display:public", ""},
		"classification:mozilla_confidential":      {"classification:mozilla_confidential", "c_mozilla"},
		"classification:workgroup is not of staff": {"classification:workgroup", "c_workgroup"},
		"classification:workgroup:staff_only is not of other workgroups": {
			"classification:workgroup:staff_only", "c_staffonly"},
		"classification:individual": {"classification:individual", "c_individual"},
		"several classifications add up": {
			"classification:workgroup classification:workgroup:staff_only", "c_workgroup c_staffonly"},
		"read:fullprofile shows every classification and no other display level": {
			"read:fullprofile", "c_mozilla c_workgroup c_staffonly c_individual c_unknown c_lower"},
		"display:authenticated adds only its level": {"display:authenticated", "d_authenticated"},
		"display:vouched adds only its level":       {"display:vouched", "d_vouched"},
		"display:ndaed adds only its level":         {"display:ndaed", "d_ndaed"},
		"display:staff adds only its level":         {"display:staff", "d_staff"},
		"display:private adds only its level":       {"display:private", "d_private"},
		"display:none adds what has no level":       {"display:none", "d_null"},
		"display:all shows every level and no other classification": {
			"display:all", "d_authenticated d_vouched d_ndaed d_staff d_private d_null d_friends d_Public"},
		"other scopes show nothing": {
			"write search:all display:friends display:Staff display:null classification:secret classification: DISPLAY:ALL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var want []profile.Path
			for _, path := range names(t, always+c.visible) {
				want = append(want, path, "identities."+path)
			}
			visible := shown(t).Visible(profile.AccessFor(strings.Fields(c.scopes)))
			require.ElementsMatch(t, want, paths(visible))

			text := string(visible.JSON())
			require.Contains(t, text, `"schema":"https://example.com/schema"`)
			require.Contains(t, text, `"staff_information":{}`, "an empty group stays")
			if !strings.Contains(c.scopes, "read:fullprofile") {
				require.Contains(t, text, `"access_information":{}`, "a group that loses all stays, empty")
			}
			for _, hidden := range []string{"shoe_size", "list", "nothing", "plain"} {
				require.NotContains(t, text, hidden, "nothing says who may see what is no attribute")
			}
		})
	}

	t.Run("the zero access is that of no scopes", func(t *testing.T) {
		require.Equal(t, string(shown(t).Visible(profile.AccessFor(nil)).JSON()), string(shown(t).Visible(profile.Access{}).JSON()))
	})
	t.Run("with every classification and every level nothing is kept back", func(t *testing.T) {
		all := profile.AccessFor([]string{"read:fullprofile", "display:all"})
		require.Equal(t, string(shown(t).JSON()), string(shown(t).Visible(all).JSON()))
	})
	t.Run("what is shown is as it was", func(t *testing.T) {
		p := shown(t)
		for path, a := range p.Visible(profile.Access{}).Attributes() {
			require.Equal(t, string(p.Get(path).JSON()), string(a.JSON()))
		}
	})
	t.Run("metadata of the wrong type hides", func(t *testing.T) {
		p := parse(t, `{"a":{"metadata":{"classification":["PUBLIC"],"display":"public"}},`+
			`"b":{"metadata":{"classification":"PUBLIC","display":["public"]}},`+
			`"c":{"metadata":{"classification":"PUBLIC"}},"d":{"metadata":{"display":"public"}},"e":{},"f":{"metadata":"PUBLIC"},`+
			`"schema":{"metadata":{"display":"public"}}}`)
		require.Equal(t, `{}`, string(p.Visible(profile.Access{}).JSON()))
		require.Equal(t, []profile.Path{"c"}, paths(p.Visible(profile.AccessFor([]string{"display:none"}))))
	})
	t.Run("schema is shown only where it is a string", func(t *testing.T) {
		require.Equal(t, `{}`, string(parse(t, `{"schema":{"a":"secret"}}`).Visible(profile.Access{}).JSON()))
		require.Equal(t, `{}`, string(parse(t, `{"schema":["secret"]}`).Visible(profile.Access{}).JSON()))
		require.Equal(t, `{"identities":{}}`, string(parse(t, `{"identities":{"schema":"secret"}}`).Visible(profile.Access{}).JSON()))
	})
}

func TestNarrowTo(t *testing.T) {
	all := "d_public d_authenticated d_vouched d_ndaed d_staff d_private"
	for level, want := range map[string]string{
		"public":        "d_public",
		"authenticated": "d_public d_authenticated",
		"vouched":       "d_public d_authenticated d_vouched",
		"ndaed":         "d_public d_authenticated d_vouched d_ndaed",
		"staff":         "d_public d_authenticated d_vouched d_ndaed d_staff",
		"private":       all,
	} {
		t.Run(level+" includes the levels before it and no null", func(t *testing.T) {
			display, err := profile.ParseDisplay(level)
			require.NoError(t, err)
			var got []profile.Path
			for path := range shown(t).NarrowTo(display).Attributes() {
				if strings.HasPrefix(string(path), "d_") {
					got = append(got, path)
				}
			}
			require.ElementsMatch(t, names(t, want), got)
		})
	}
	t.Run("there is no other level", func(t *testing.T) {
		for _, level := range []string{"", "null", "none", "all", "Public", "friends", "public "} {
			_, err := profile.ParseDisplay(level)
			require.ErrorContains(t, err, "not a display level", level)
		}
	})
	t.Run("a level that is none counts as public", func(t *testing.T) {
		require.Equal(t, string(shown(t).NarrowTo("public").JSON()), string(shown(t).NarrowTo("friends").JSON()))
		require.Equal(t, string(shown(t).NarrowTo("public").JSON()), string(shown(t).NarrowTo("").JSON()))
	})
	t.Run("schema and groups stay, what is no attribute goes", func(t *testing.T) {
		text := string(parse(t, `{"schema":"s","shoe_size":"44","identities":{"a":{"metadata":{"display":"staff"}},"b":"x"}}`).NarrowTo("public").JSON())
		require.Equal(t, `{"schema":"s","identities":{}}`, text)
	})
	t.Run("narrowing adds nothing to what a reader may see", func(t *testing.T) {
		p := shown(t).Visible(profile.AccessFor([]string{"display:staff"})).NarrowTo("private")
		require.ElementsMatch(t, names(t, "c_public identities.c_public d_public identities.d_public d_staff identities.d_staff"), paths(p))
	})
}
