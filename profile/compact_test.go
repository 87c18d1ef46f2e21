package profile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCISStoresIsKnownToBeCompact(t *testing.T) {
	text := Empty().JSON()
	require.Contains(t, string(text), "WORKGROUP CONFIDENTIAL: STAFF ONLY")
	require.True(t, isCompact(text))
	require.False(t, isCompact(emptyJSON))
}
