package workflows

import (
	"bytes"
	"encoding/json"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"cis/payload"
)

// Converters are how everything is written that goes to Temporal. Every client
// and worker of CIS has both; what they write any other can read.
//
// With a codec, which encrypts, nothing personal is in Temporal that is not
// encrypted:
//
//   - Data goes through the codec: the change set, the arguments and results of
//     activities (of local ones too, in their markers), updates, signals and
//     queries, heartbeat details, summaries and memos. So do a failure's
//     message, stack trace and details.
//   - The memo "digest" is encrypted like the rest. The SDK would write a memo
//     in the clear if it could not be encrypted, but then neither can the change
//     set, and nothing is started.
//   - Search attributes are never encrypted, Temporal has to read them: they are
//     people's pseudonyms, names of publishers, conditions and states.
//   - Names are in the clear, and none is made of a person's data: workflow ids
//     (sequence numbers), activity ids and types (targets), kinds of failures,
//     task queues, updates, signals and queries, a worker's process and host.
//   - Headers are in the clear: what puts something there, such as tracing, must
//     not put a person's data there. CIS itself puts nothing there.
//   - The message of a query that fails is in the clear, in no history. The
//     query Progress does not fail.
//   - What an operator gives as the reason of a cancellation, a termination or a
//     reset is in the clear. Reasons of CIS's own updates are encrypted.
//
// Without a codec, and with one that only decodes, all is in the clear.
type Converters struct {
	Data     converter.DataConverter
	Failures converter.FailureConverter
}

// NewConverters returns converters with a codec, or with none for nil.
func NewConverters(codec converter.PayloadCodec) Converters {
	data := plainData()
	_, decodesOnly := codec.(payload.DecodeOnly)
	if codec != nil {
		data = payload.NewDataConverter(data, codec)
	}
	return Converters{data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: data, EncodeCommonAttributes: codec != nil && !decodesOnly,
	})}
}

// plainData is the SDK's own converter but for one thing: JSON is written
// without the escapes that are meant for HTML, which make six bytes of each of
// <, > and &, so that a profile would outgrow Temporal's limit that is within
// the API's.
func plainData() converter.DataConverter {
	return converter.NewCompositeDataConverter(
		converter.NewNilPayloadConverter(),
		converter.NewByteSlicePayloadConverter(),
		converter.NewProtoJSONPayloadConverter(),
		converter.NewProtoPayloadConverter(),
		plainJSON{converter.NewJSONPayloadConverter()},
	)
}

type plainJSON struct {
	*converter.JSONPayloadConverter
}

// ToPayload implements converter.PayloadConverter.
func (c plainJSON) ToPayload(value any) (*commonpb.Payload, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("%w: %w", converter.ErrUnableToEncode, err)
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(c.Encoding())},
		Data:     bytes.TrimSuffix(text.Bytes(), []byte("\n")),
	}, nil
}
