package payload_test

import (
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/proto"

	"cis/payload"
	"cis/profile"
	"cis/signing"
)

// benchSize is how many bytes a profile's JSON has in production.
const benchSize = 27_000

// signedProfile is a payload of a profile of at least benchSize, signed as
// publishers sign.
func signedProfile(b *testing.B) *commonpb.Payload {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(b, err)
	signer, err := signing.NewSigner("ldap", key)
	require.NoError(b, err)
	p := profile.Empty()
	for path := range p.Attributes() {
		if len(p.JSON()) >= benchSize {
			break
		}
		set, err := p.Set(path, "what is said of "+string(path), time.Unix(1_800_000_000, 0))
		require.NoError(b, err)
		p, err = signer.Profile(set, path)
		require.NoError(b, err)
	}
	require.InDelta(b, benchSize, len(p.JSON()), 1500)
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: p.JSON()}
}

// BenchmarkCodec is the cost of one profile, there and back, beside that of its
// parts alone. B/out is how large it is then.
func BenchmarkCodec(b *testing.B) {
	p := signedProfile(b)
	plain, err := proto.Marshal(p)
	require.NoError(b, err)
	codec := codec(b, "one", map[string][]byte{"one": secret(1)})
	compressor, err := zstd.NewWriter(nil)
	require.NoError(b, err)
	decompressor, err := zstd.NewReader(nil)
	require.NoError(b, err)
	block, err := aes.NewCipher(secret(1))
	require.NoError(b, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(b, err)

	for _, way := range []struct {
		name  string
		write func() []byte
		read  func([]byte) error
	}{
		{"codec", func() []byte {
			sealed, err := codec.Encode([]*commonpb.Payload{p})
			require.NoError(b, err)
			return sealed[0].GetData()
		}, func(data []byte) error {
			_, err := codec.Decode([]*commonpb.Payload{{Data: data, Metadata: map[string][]byte{
				"encoding": []byte(payload.Encoding), "encryption-key-id": []byte("one"),
			}}})
			return err
		}},
		{"zstd", func() []byte { return compressor.EncodeAll(plain, nil) }, func(data []byte) error {
			_, err := decompressor.DecodeAll(data, nil)
			return err
		}},
		{"aes-gcm", func() []byte { return aead.Seal(nil, nil, plain, nil) }, func(data []byte) error {
			_, err := aead.Open(nil, nil, data, nil)
			return err
		}},
		{"zlib", func() []byte {
			var out bytes.Buffer
			w := zlib.NewWriter(&out)
			_, _ = w.Write(plain)
			require.NoError(b, w.Close())
			return out.Bytes()
		}, func(data []byte) error {
			r, err := zlib.NewReader(bytes.NewReader(data))
			require.NoError(b, err)
			_, err = new(bytes.Buffer).ReadFrom(r)
			return err
		}},
	} {
		data := way.write()
		b.Run("write/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				way.write()
			}
			b.ReportMetric(float64(len(data)), "B/out")
		})
		b.Run("read/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, way.read(data))
			}
		})
	}
}
