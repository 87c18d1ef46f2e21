package workflows

import (
	"bytes"
	"encoding/json"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// DataConverter is how everything is written that goes to Temporal. Every
// client and worker of CIS has it; what it writes any other can read.
//
// It is the SDK's own but for one thing: JSON is written without the escapes
// that are meant for HTML, which make six bytes of each of <, > and &, so that a
// profile would outgrow Temporal's limit that is within the API's.
func DataConverter() converter.DataConverter {
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
