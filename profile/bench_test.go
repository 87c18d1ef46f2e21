package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// fullProfile is a profile with every attribute set and signed. Every third is
// public.
func fullProfile(t require.TestingT) []byte {
	all := attrs{}
	for i, path := range paths(profile.Empty()) {
		display := []string{"public", "staff", ""}[i%3]
		all[path] = attr{by: "ldap", value: `"a value"`, display: display, signature: strings.Repeat("e", 600)}
	}
	return all.stored(t).JSON()
}

func BenchmarkParse(b *testing.B) {
	text := fullProfile(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := profile.Parse(text)
		require.NoError(b, err)
	}
}

// BenchmarkShow is what a caller without scopes costs who reads one profile.
func BenchmarkShow(b *testing.B) {
	text := fullProfile(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := profile.Parse(text)
		require.NoError(b, err)
		p.Visible(profile.AccessFor(nil)).JSON()
	}
}
