package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
)

func decode(t testing.TB, text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}

func encode(t testing.TB, v any) []byte {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// attributes yields each attribute of a decoded profile with its path.
func attributes(document map[string]any) map[string]map[string]any {
	found := map[string]map[string]any{}
	for name, v := range document {
		object, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if _, ok := object["signature"]; ok {
			found[name] = object
			continue
		}
		for member, a := range object {
			if attribute, ok := a.(map[string]any); ok {
				found[name+"."+member] = attribute
			}
		}
	}
	return found
}

// fresh is the empty profile, decoded.
func fresh(t testing.TB) map[string]any {
	return decode(t, profile.Empty().JSON()).(map[string]any)
}

// clone copies a decoded JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := maps.Clone(v)
		for name := range c {
			c[name] = clone(c[name])
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	}
	return v
}

// referenceProfiles are all profiles in the reference data by where they are,
// whole and partial, good and bad.
func referenceProfiles(t *testing.T) map[string]map[string]any {
	found := map[string]map[string]any{}
	var collect func(where string, v any)
	collect = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, ok := v["user_id"].(map[string]any); ok || v["schema"] != nil {
				found[where] = v
				return
			}
			for name, member := range v {
				collect(where+" "+name, member)
			}
		case []any:
			for i, item := range v {
				collect(fmt.Sprint(where, " ", i), item)
			}
		case string: // the API takes a profile's JSON in a JSON string, too
			var inner map[string]any
			if json.Unmarshal([]byte(v), &inner) == nil {
				collect(where+" text", inner)
			}
		}
	}
	collect("the empty profile", decode(t, testdata.Read(t, "user_profile_null.json")))
	for _, pattern := range []string{"signed/*.json", "ldap-profiles*.json.xz", "golden/cases/*.json", "interop/signed/*.json", "interop/tampered/*.json"} {
		before := len(found)
		for _, file := range testdata.Files(t, pattern) {
			text := testdata.Read(t, file)
			if file == "interop/signed/28-nan-infinity.json" {
				require.False(t, json.Valid(text)) // Python writes it, JSON has no such numbers
				continue
			}
			collect(file, decode(t, text))
		}
		require.Greater(t, len(found), before, "no profile in %s", pattern)
	}
	return found
}
