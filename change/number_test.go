package change_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cis/change"
)

func TestNumbersGrowWithTime(t *testing.T) {
	last := new(big.Int)
	for range 100 {
		n, err := change.NewNumber()
		require.NoError(t, err)
		v, ok := new(big.Int).SetString(string(n), 10)
		require.True(t, ok, "%s is decimal", n)
		require.GreaterOrEqual(t, new(big.Int).Rsh(v, 80).Cmp(new(big.Int).Rsh(last, 80)), 0, "%s is older than its predecessor", n)
		last = v
	}
}

func TestEveryChangeOfASetLeadsBackToTheSet(t *testing.T) {
	set, err := change.NewNumber()
	require.NoError(t, err)
	seen := map[change.Number]bool{}
	for i := range change.MaxSetSize {
		n := set.At(i)
		require.False(t, seen[n], "%d has a number of its own", i)
		seen[n] = true
		require.Equal(t, set, n.Set())
		require.Equal(t, i, n.Index())
	}
	require.NotEqual(t, set, set.At(64).Set(), "the next number belongs to another set")
}

func TestAnIdempotencyKeyBelongsToItsClient(t *testing.T) {
	n := change.KeyedNumber("hris", "monday")
	require.Equal(t, n, change.KeyedNumber("hris", "monday"))
	require.Equal(t, n, n.Set())
	require.NotEqual(t, n, change.KeyedNumber("ldap", "monday"))
	require.NotEqual(t, n, change.KeyedNumber("hris", "tuesday"))
	require.NotEqual(t, change.KeyedNumber("ab", "c"), change.KeyedNumber("a", "bc"), "client and key do not run together")
}

func TestParseNumber(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"one of the original's":        {"329533616397075416021269393209383606235", true},
		"a small one":                  {"12345", true},
		"the largest of 128 bits":      {"340282366920938463463374607431768211455", true},
		"one past the largest":         {"340282366920938463463374607431768211456", false},
		"a negative one":               {"-1", false},
		"hexadecimal":                  {"0x10", false},
		"leading zeros":                {"0012", false},
		"nothing":                      {"", false},
		"a sign":                       {"+5", false},
		"digits of another script":     {"٣", false},
		"an underscore between digits": {"1_0", false},
		"as many digits, too large":    {strings.Repeat("9", 39), false},
		"a digit more than any has":    {strings.Repeat("9", 40), false},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := change.ParseNumber(test.text)
			require.Equal(t, test.ok, err == nil, "error: %v", err)
			if test.ok {
				require.Equal(t, change.Number(test.text), n)
			}
		})
	}
}

// Anyone may ask for the status of a number, also without a token.
func TestANumberOfAMillionDigitsIsRefusedAtOnce(t *testing.T) {
	digits := strings.Repeat("9", 1_000_000)
	begun := time.Now()
	for range 100 {
		_, err := change.ParseNumber(digits)
		require.ErrorContains(t, err, "at most 128 bits")
		require.Less(t, len(err.Error()), 200)
	}
	require.Less(t, time.Since(begun), time.Second)
}

func TestParsedNumbersAreWhatWasParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")
		text := new(big.Int).SetBytes(bytes).String()
		n, err := change.ParseNumber(text)
		require.NoError(t, err)
		require.Equal(t, text, string(n))
		require.Equal(t, n.Set(), n.Set().Set())
	})
}
