package schema_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

func decode(t *testing.T, text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
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

func fresh(t *testing.T) map[string]any {
	return decode(t, profile.Empty().JSON()).(map[string]any)
}
