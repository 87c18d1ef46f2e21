//go:build !race

package schema_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/schema"
)

// A mutation changes a profile in place, or an attribute of it, now and then
// into one that is as valid as before.
type mutation struct {
	name      string
	profile   func(r *rand.Rand, p map[string]any)
	attribute func(r *rand.Rand, a map[string]any)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func pickName(r *rand.Rand, m map[string]any) string { return pick(r, slices.Sorted(maps.Keys(m))...) }

// junk makes a value of any kind, sometimes nested.
func junk(r *rand.Rand) any {
	return pick[any](r, nil, true, false, "", "x", "PUBLIC", "staff", "cis", "2024-01-02T03:04:05Z", json.Number("0"),
		json.Number("1.5e3"), []any{}, map[string]any{}, []any{nil, "x", []any{}}, map[string]any{"value": nil, "values": map[string]any{"a": []any{}}})
}

// inside returns an object of an attribute: itself, or one in it at any depth.
func inside(r *rand.Rand, object map[string]any) map[string]any {
	all := []map[string]any{object}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			all = append(all, v)
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		walk(object[name])
	}
	return pick(r, all...)
}

// member returns a member that is an object, or an empty one in its place.
func member(object map[string]any, name string) map[string]any {
	if m, ok := object[name].(map[string]any); ok {
		return m
	}
	m := map[string]any{}
	object[name] = m
	return m
}

var mutations = []mutation{
	{name: "a member of the profile deleted", profile: func(r *rand.Rand, p map[string]any) { delete(p, pickName(r, p)) }},
	{name: "a member of the profile added", profile: func(r *rand.Rand, p map[string]any) {
		p[pick(r, "nickname", "Schema", "metadata", "value", "")] = junk(r)
	}},
	{name: "a member of the profile is junk", profile: func(r *rand.Rand, p map[string]any) { p[pickName(r, p)] = junk(r) }},
	{name: "two members of the profile swapped", profile: func(r *rand.Rand, p map[string]any) {
		a, b := pickName(r, p), pickName(r, p)
		p[a], p[b] = p[b], p[a]
	}},
	{name: "a member of a group deleted", profile: func(r *rand.Rand, p map[string]any) {
		g := member(p, pick(r, "identities", "identities", "access_information", "staff_information"))
		if len(g) > 0 {
			delete(g, pickName(r, g))
		}
	}},
	{name: "a member of a group added", profile: func(r *rand.Rand, p map[string]any) {
		from := member(p, pick(r, "identities", "access_information", "staff_information"))
		member(p, pick(r, "identities", "access_information", "staff_information"))[pick(r, "metadata", "icq", "ldap", "title")] = clone(inside(r, from))
	}},
	{name: "a group emptied", profile: func(r *rand.Rand, p map[string]any) {
		p[pick(r, "identities", "identities", "access_information", "staff_information")] = map[string]any{}
	}},
	{name: "another schema named", profile: func(r *rand.Rand, p map[string]any) { p["schema"] = pick[any](r, "", "x", nil, json.Number("4")) }},

	{name: "a member deleted", attribute: func(r *rand.Rand, a map[string]any) {
		if o := inside(r, a); len(o) > 0 {
			delete(o, pickName(r, o))
		}
	}},
	{name: "a member added", attribute: func(r *rand.Rand, a map[string]any) {
		inside(r, a)[pick(r, "extra", "value", "values", "$ref")] = junk(r)
	}},
	{name: "a member is junk", attribute: func(r *rand.Rand, a map[string]any) {
		if o := inside(r, a); len(o) > 0 {
			o[pickName(r, o)] = junk(r)
		}
	}},
	{name: "a member is null", attribute: func(r *rand.Rand, a map[string]any) {
		if o := inside(r, a); len(o) > 0 {
			o[pickName(r, o)] = nil
		}
	}},
	{name: "another classification", attribute: func(r *rand.Rand, a map[string]any) {
		member(a, "metadata")["classification"] = pick(r, "PUBLIC", "MOZILLA CONFIDENTIAL", "WORKGROUP CONFIDENTIAL", "WORKGROUP CONFIDENTIAL: STAFF ONLY", "INDIVIDUAL CONFIDENTIAL", "SECRET")
	}},
	{name: "another display level", attribute: func(r *rand.Rand, a map[string]any) {
		member(a, "metadata")["display"] = pick[any](r, "public", "authenticated", "vouched", "ndaed", "staff", "private", nil, "none")
	}},
	{name: "another time", attribute: func(r *rand.Rand, a map[string]any) {
		member(a, "metadata")[pick(r, "created", "last_modified")] = pick(r, "2024-01-02T03:04:05Z", "2024-01-02T03:04:05.678+01:00",
			"2024-02-29T00:00:60Z", "2023-02-29T00:00:00Z", "2024-01-02 03:04:05Z", "2024-01-02", "")
	}},
	{name: "verified or not", attribute: func(r *rand.Rand, a map[string]any) {
		member(a, "metadata")["verified"] = pick[any](r, true, false, false, "true", json.Number("1"))
	}},
	{name: "another publisher's signature", attribute: func(r *rand.Rand, a map[string]any) {
		member(member(a, "signature"), "publisher")[pick(r, "name", "alg", "typ", "value")] = pick[any](r, "ldap", "hris", "access_provider", "mozilliansorg", "cis", "nobody",
			"HS256", "RS256", "RSA", "ED25519", "ES256", "JWS", "PGP", nil)
	}},
	{name: "other additional signatures", attribute: func(r *rand.Rand, a map[string]any) {
		one := map[string]any{"alg": pick(r, "RS256", "RSA", "none"), "typ": pick(r, "JWS", "PGP"), "name": pick[any](r, nil, "anybody", "ldap"), "value": pick[any](r, "", "x", nil)}
		member(a, "signature")["additional"] = pick(r, []any{}, []any{one}, []any{one, clone(one)}, []any{nil})
	}},
	{name: "another value", attribute: func(r *rand.Rand, a map[string]any) {
		for _, name := range []string{"value", "values"} {
			if _, ok := a[name]; ok {
				a[name] = junk(r)
			}
		}
	}},
	{name: "values moved into value, or back", attribute: func(r *rand.Rand, a map[string]any) {
		from, to := "value", "values"
		if _, ok := a["values"]; ok {
			from, to = to, from
		}
		if v, ok := a[from]; ok {
			delete(a, from)
			a[to] = v
		}
	}},
	{name: "an array emptied", attribute: func(r *rand.Rand, a map[string]any) {
		if o := inside(r, a); len(o) > 0 {
			o[pickName(r, o)] = []any{}
		}
	}},
}

// mutant changes a copy of a profile once or twice and says how.
func mutant(r *rand.Rand, seed map[string]any) (p map[string]any, how string) {
	p = clone(seed).(map[string]any)
	for range pick(r, 1, 1, 1, 2) {
		m := pick(r, mutations...)
		if m.profile != nil {
			m.profile(r, p)
			how += m.name + "; "
			continue
		}
		found := attributes(p)
		path := pick(r, slices.Sorted(maps.Keys(found))...)
		m.attribute(r, found[path])
		how += m.name + " in " + path + "; "
	}
	return p, how
}

func TestSameVerdictOnMutants(t *testing.T) {
	t.Parallel()
	whole := compileBoth(t)("")
	var seeds []map[string]any
	profiles := referenceProfiles(t)
	for _, where := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[where]
		if whole.original.Validate(p) != nil {
			continue
		}
		// The members of identities are a third of a profile, may be absent and
		// are all alike: without them a verdict costs that much less.
		if len(seeds)%8 != 0 {
			p["identities"] = map[string]any{}
		}
		seeds = append(seeds, p)
	}
	require.Greater(t, len(seeds), 50)

	const (
		mutants = 5000
		workers = 2
		// sampled of them also go through Validate, as text.
		sampled = 10
	)
	var mu sync.Mutex
	verdicts, byMutation := map[bool]int{}, map[string]bool{}
	t.Run("group", func(t *testing.T) {
		for worker := range workers {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(2, uint64(worker)))
				for i := range mutants / workers {
					document, how := mutant(r, pick(r, seeds...))
					valid := whole.agree(t, document, func() string { return fmt.Sprintf("mutant %d: %s", i, how) })
					if i%sampled == 0 {
						require.Equal(t, valid, schema.Validate(encode(t, document)) == nil, how)
					}
					mu.Lock()
					verdicts[valid]++
					byMutation[how] = true
					mu.Unlock()
				}
			})
		}
	})
	require.Greater(t, len(byMutation), len(mutations)*10, "the mutants are too much alike")
	mixed(t, verdicts)
}
