package profile_test

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestSpaceBetweenTokensIsNotKeptAnywhere(t *testing.T) {
	// Compact, and nothing in its strings looks like space between tokens.
	const text = `{"schema":"a b","first_name":{"signature":{"publisher":{"name":"x y"},"additional":[]},` +
		`"metadata":{"display":null,"verified":true},"value":"Ada  K."},"staff_information":{"title":{"value":[1,-2.5e3,{}]}},"other":[true,{}]}`
	places := 0
	for at := range len(text) + 1 {
		for _, space := range []string{" ", "\t", "\n", "\r", "  "} {
			spaced := slices.Concat([]byte(text[:at]), []byte(space), []byte(text[at:]))
			if same := jsontext.Value(slices.Clone(spaced)); same.Compact() != nil || string(same) != text {
				continue // it is in a string, or in a number
			}
			places++
			p, err := profile.Parse(spaced)
			require.NoError(t, err)
			require.Equal(t, text, string(p.JSON()), "%q at %d", space, at)
		}
	}
	require.Greater(t, places, 300)
}

func TestNothingMayFollowAProfile(t *testing.T) {
	for _, text := range []string{`{}{}`, `{} {}`, `{}1`, `{}x`, `{},`, `{}]`, "{}\x00", `{"a":1}"`, `{}null`} {
		_, err := profile.Parse([]byte(text))
		require.Error(t, err, text)
	}
}

func TestSpaceAloneOrAroundNoObjectIsRefused(t *testing.T) {
	for _, text := range []string{"", " ", "\n", "1 ", " 1", "null ", `"a b" `, " x ", `{"a":1 `, `{ `} {
		_, err := profile.Parse([]byte(text))
		require.Error(t, err, "%q", text)
	}
}
