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

func TestAPayloadIsNoLargerThanWhatItHolds(t *testing.T) {
	for _, text := range []string{"<", ">", "&", "\u2028", "\u2029", `\u003c`, `\\u2028`, "é", "🐛", `\"`} {
		profile := `{"description":{"value":"` + strings.Repeat(text, 1<<20/len(text)) + `","n":1.0}}`
		set := change.Set{Number: "1", Changes: []change.Submitted{{UserID: "email|<a>", Profile: json.RawMessage(profile)}}}
		payload, err := workflows.DataConverter.ToPayload(set)
		require.NoError(t, err)
		require.Less(t, payload.Size(), 1<<20+500, text)
		for name, reader := range map[string]converter.DataConverter{"ours": workflows.DataConverter, "Temporal's": converter.GetDefaultDataConverter()} {
			var read change.Set
			require.NoError(t, reader.FromPayload(payload, &read), name)
			require.Equal(t, set, read, name)
		}
	}
}

func TestPayloadsAreAsTemporalsOwn(t *testing.T) {
	for _, value := range []any{
		nil, "text", []byte("bytes"), 5, []string(nil), map[string]int{"b": 1, "a": 2}, change.Set{}, change.Result{Outcomes: []change.Outcome{{Number: "1"}}},
		workflows.Status{}, &change.Set{Held: true},
	} {
		ours, err := workflows.DataConverter.ToPayload(value)
		require.NoError(t, err)
		theirs, err := converter.GetDefaultDataConverter().ToPayload(value)
		require.NoError(t, err)
		require.Equal(t, theirs.String(), ours.String())
	}
	_, err := workflows.DataConverter.ToPayload(func() {})
	require.ErrorIs(t, err, converter.ErrUnableToEncode)
}
