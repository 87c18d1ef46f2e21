package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"cis/change"
	"cis/workflows"
)

func TestAProfileTakesNoMoreRoomInTemporalThanInTheRequest(t *testing.T) {
	profile := json.RawMessage(`{"description":{"value":"` + strings.Repeat("<&>", 300_000) + `"}}`)
	set := change.Set{Number: "64", Changes: []change.Submitted{{UserID: "email|x", Profile: profile}}}
	payload, err := workflows.NewConverters(nil).Data.ToPayload(set)
	require.NoError(t, err)
	require.Less(t, len(payload.GetData()), len(profile)+300)

	var read change.Set
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &read), "anybody can read it")
	require.Equal(t, set, read)
	standard, err := converter.GetDefaultDataConverter().ToPayload(set)
	require.NoError(t, err)
	var again change.Set
	require.NoError(t, workflows.NewConverters(nil).Data.FromPayload(standard, &again), "and it reads what was written before")
	require.JSONEq(t, string(set.Changes[0].Profile), string(again.Changes[0].Profile))
	require.Equal(t, standard.GetMetadata(), payload.GetMetadata())
}
