package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestMemory(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := NewSigner("ldap", key)
	require.NoError(t, err)
	public, err := s.Public()
	require.NoError(t, err)
	set := jwk.NewSet()
	require.NoError(t, set.AddKey(public))
	v := NewVerifier(StaticKeySets{"ldap": set})
	p, err := profile.Parse([]byte(`{"a":{"value":"x"},"b":{"value":"x"}}`))
	require.NoError(t, err)
	a, err := s.Attribute("me", "a", p.Get("a"))
	require.NoError(t, err)

	t.Run("what was verified is remembered once", func(t *testing.T) {
		for range 3 {
			require.NoError(t, v.Verify(t.Context(), "me", "a", a))
			require.Len(t, v.seen, 1)
		}
	})
	t.Run("what failed is not", func(t *testing.T) {
		block := a.Signature().Publisher
		signed := block.Value[:len(block.Value)-86] // all of ES256 but the signature
		block.Value = signed + "AAAA" + block.Value[len(signed)+4:]
		bad, err := a.WithSignature(block)
		require.NoError(t, err)
		require.Error(t, v.Verify(t.Context(), "me", "a", bad))
		require.Error(t, v.Verify(t.Context(), "you", "a", a))
		require.Len(t, v.seen, 1)
	})
	t.Run("a memory that is full starts anew", func(t *testing.T) {
		for i := range maxSeen {
			v.seen[[32]byte{1, byte(i), byte(i >> 8), byte(i >> 16)}] = struct{}{}
		}
		again, err := s.Attribute("me", "b", p.Get("b"))
		require.NoError(t, err)
		require.NoError(t, v.Verify(t.Context(), "me", "b", again))
		require.Len(t, v.seen, 1)
		require.NoError(t, v.Verify(t.Context(), "me", "a", a))
	})
}
