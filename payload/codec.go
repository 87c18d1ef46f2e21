package payload

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// Encoding is what the metadata of an encrypted payload have under "encoding".
const Encoding = "binary/zstd+aes-256-gcm"

// The metadata that an encrypted payload has beside its encoding, in the clear.
const (
	MetadataKeyID   = "encryption-key-id"
	MetadataDataKey = "encryption-data-key" // Key.Wrapped, where there is one
)

// Codec encrypts payloads: the whole payload, with its own metadata, is
// compressed with Zstandard and sealed with AES-256-GCM under a random nonce,
// which the data begin with. Encoding, key id and data key are bound to it:
// with any of them exchanged it does not open.
//
// Compression comes first because what is encrypted cannot be compressed, and
// is Zstandard because it makes profiles as small as the SDK's zlib does, in a
// fraction of the time (BenchmarkCodec). How long a payload is tells something
// of what is in it; whoever may read histories can read that.
//
// A payload that is not encrypted is decoded as it is.
type Codec struct{ keys Keys }

var _ converter.PayloadCodec = (*Codec)(nil)

// NewCodec returns a codec with these keys.
func NewCodec(keys Keys) *Codec { return &Codec{keys} }

// largest bounds what a payload may be decompressed to, far above what Temporal
// takes.
const largest = 64 << 20

var (
	compressor   = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20)))
	decompressor = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(largest)))
)

// must is for what fails only with wrong options.
func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// Encode implements converter.PayloadCodec.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, c.encrypt)
}

// Decode implements converter.PayloadCodec. UnknownKeyError where a key is
// missing.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, c.decrypt)
}

func each(payloads []*commonpb.Payload, do func(*commonpb.Payload) (*commonpb.Payload, error)) ([]*commonpb.Payload, error) {
	done := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if done[i], err = do(p); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// DecodeOnly decodes what its codec has encoded, and encodes nothing. It is for
// the time before all processes can decode, when encryption is being switched
// on, and for that after it was switched off.
type DecodeOnly struct{ converter.PayloadCodec }

// Encode returns the payloads as they are.
func (DecodeOnly) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return payloads, nil
}

func (c *Codec) encrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	key, err := c.keys.Active()
	if err != nil {
		return nil, fmt.Errorf("no key to encrypt with: %w", err)
	}
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	sealed := &commonpb.Payload{Metadata: map[string][]byte{
		converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: []byte(key.ID),
	}}
	if key.Wrapped != nil {
		sealed.Metadata[MetadataDataKey] = key.Wrapped
	}
	sealed.Data = key.aead.Seal(nil, nil, compressor.EncodeAll(plain, nil), bound(sealed))
	return sealed, nil
}

func (c *Codec) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
		return p, nil
	}
	id := string(p.GetMetadata()[MetadataKeyID])
	key, err := c.keys.Find(id, p.GetMetadata()[MetadataDataKey])
	if err != nil {
		return nil, err
	}
	packed, err := key.aead.Open(nil, nil, p.GetData(), bound(p))
	if err != nil {
		return nil, fmt.Errorf("the payload does not open with key %q: it was changed, or encrypted with another key of that id", id)
	}
	plain, err := decompressor.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("the payload that key %q opened cannot be decompressed: %w", id, err)
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, fmt.Errorf("the payload that key %q opened cannot be read: %w", id, err)
	}
	return opened, nil
}

// bound is the associated data of a payload: its metadata that say how to open
// it, each after its length, so that none runs into the next.
func bound(p *commonpb.Payload) []byte {
	var data []byte
	for _, name := range []string{converter.MetadataEncoding, MetadataKeyID, MetadataDataKey} {
		value := p.GetMetadata()[name]
		data = binary.BigEndian.AppendUint32(data, uint32(len(value)))
		data = append(data, value...)
	}
	return data
}
