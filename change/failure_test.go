package change_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/change"
)

func TestKindOfAnError(t *testing.T) {
	cause := errors.New("the directory says no")
	parked := change.As(change.Park, cause)
	require.Equal(t, change.Park, change.KindOf(parked))
	require.Equal(t, change.Park, change.KindOf(fmt.Errorf("publishing: %w", parked)), "a kind survives wrapping")
	require.Equal(t, change.Retry, change.KindOf(cause), "an error that nobody has thought of is tried again")
	require.ErrorIs(t, parked, cause)
	require.EqualError(t, parked, cause.Error())
	require.NoError(t, change.As(change.Park, nil))
}
