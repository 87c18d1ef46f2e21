package profile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
)

// attr describes an attribute for a test: signed by a publisher, with a value
// as JSON. What is left out is as most attributes have it: verified, shown to
// nobody in particular.
type attr struct {
	by             string
	value          string // as JSON; null where empty
	values         string // of an attribute that has values, as JSON
	display        string // null where empty
	unverified     bool
	modified       string
	classification string
	signature      string
}

func (a attr) json() string {
	member, value := "value", a.value
	if a.values != "" {
		member, value = "values", a.values
	}
	display := "null"
	if a.display != "" {
		display = `"` + a.display + `"`
	}
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return fmt.Sprintf(`{"signature":{"publisher":{"alg":"RS256","typ":"JWS","name":%q,"value":%q},`+
		`"additional":[{"alg":"RS256","typ":"JWS","name":null,"value":""}]},`+
		`"metadata":{"classification":%q,"last_modified":%q,"created":"2024-01-02T03:04:05.000Z","verified":%t,"display":%s},%q:%s}`,
		a.by, a.signature, or(a.classification, "PUBLIC"), or(a.modified, "2024-01-02T03:04:05.000Z"),
		!a.unverified, display, member, or(value, "null"))
}

// attrs is a partial profile: attributes by path.
type attrs map[profile.Path]attr

// on returns p with the attributes replaced, in the order of their paths.
func (as attrs) on(t require.TestingT, p *profile.Profile) *profile.Profile {
	for _, path := range slices.Sorted(maps.Keys(as)) {
		p = p.With(path, one(t, as[path].json()))
	}
	return p
}

// partial returns a profile of nothing but the attributes.
func (as attrs) partial(t require.TestingT) *profile.Profile { return as.on(t, parse(t, `{}`)) }

// stored returns a complete profile with the attributes.
func (as attrs) stored(t require.TestingT) *profile.Profile { return as.on(t, profile.Empty()) }

func parse(t require.TestingT, text string) *profile.Profile {
	p, err := profile.Parse([]byte(text))
	require.NoError(t, err)
	return p
}

// one reads a single attribute.
func one(t require.TestingT, text string) *profile.Attribute {
	a := parse(t, `{"attribute":`+text+`}`).Get("attribute")
	require.NotNil(t, a)
	return a
}

// paths returns the paths of all attributes of a profile, in order.
func paths(p *profile.Profile) []profile.Path {
	var all []profile.Path
	for path := range p.Attributes() {
		all = append(all, path)
	}
	return all
}

// differing returns the paths whose attributes are not the same JSON in both.
func differing(a, b *profile.Profile) []profile.Path {
	var all []profile.Path
	for path, x := range b.Attributes() {
		if y := a.Get(path); y == nil || string(x.JSON()) != string(y.JSON()) {
			all = append(all, path)
		}
	}
	return all
}

func names(t *testing.T, text string) []profile.Path {
	t.Helper()
	var all []profile.Path
	for _, name := range strings.Fields(text) {
		all = append(all, profile.Path(name))
	}
	return all
}

func publisherRules(t testing.TB) *profile.Rules {
	t.Helper()
	rules, err := profile.ParseRules(schema.PublisherRules())
	require.NoError(t, err)
	return rules
}
