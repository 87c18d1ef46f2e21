package workflows_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"cis/change"
	"cis/payload"
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

func TestFailuresAreAsReadableAsTheRest(t *testing.T) {
	ring, err := payload.NewKeyring("one", map[string][]byte{"one": make([]byte, payload.KeySize)})
	require.NoError(t, err)
	codec := payload.NewCodec(ring)
	for name, test := range map[string]struct {
		codec converter.PayloadCodec
		shown string
	}{
		"no codec":               {nil, "no such person"},
		"one that encrypts":      {codec, "Encoded failure"},
		"one that only decrypts": {payload.DecodeOnly{PayloadCodec: codec}, "no such person"},
	} {
		failure := workflows.NewConverters(test.codec).Failures.ErrorToFailure(errors.New("no such person"))
		require.Equal(t, test.shown, failure.GetMessage(), name)
		read := workflows.NewConverters(payload.DecodeOnly{PayloadCodec: codec}).Failures.FailureToError(failure)
		require.ErrorContains(t, read, "no such person", name)
	}
}
