package payload_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"cis/payload"
)

// secret is a key that is made of one byte.
func secret(b byte) []byte { return bytes.Repeat([]byte{b}, payload.KeySize) }

func codec(t require.TestingT, active string, secrets map[string][]byte) *payload.Codec {
	ring, err := payload.NewKeyring(active, secrets)
	require.NoError(t, err)
	return payload.NewCodec(ring)
}

func text(said string) *commonpb.Payload {
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"` + said + `"`)}
}

func encode(t require.TestingT, c converter.PayloadCodec, p *commonpb.Payload) *commonpb.Payload {
	sealed, err := c.Encode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.Len(t, sealed, 1)
	return sealed[0]
}

func decode(c converter.PayloadCodec, p *commonpb.Payload) (*commonpb.Payload, error) {
	opened, err := c.Decode([]*commonpb.Payload{p})
	if err != nil {
		return nil, err
	}
	return opened[0], nil
}

func TestWhatIsEncryptedComesBackAsItWas(t *testing.T) {
	c := codec(t, "one", map[string][]byte{"one": secret(1)})
	rapid.Check(t, func(t *rapid.T) {
		p := &commonpb.Payload{
			Metadata: rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Byte())).Draw(t, "metadata"),
			Data:     rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		before := proto.Clone(p)
		opened, err := decode(c, encode(t, c, p))
		require.NoError(t, err)
		require.True(t, proto.Equal(before, opened))
		require.True(t, proto.Equal(before, p), "what was given stays as it is")
	})
}

func TestAnEncryptedPayloadShowsItsKeyAndNothingElse(t *testing.T) {
	c := codec(t, "one", map[string][]byte{"one": secret(1)})
	first, second := encode(t, c, text("Lovelace")), encode(t, c, text("Lovelace"))
	require.Equal(t, map[string][]byte{
		"encoding": []byte(payload.Encoding), "encryption-key-id": []byte("one"),
	}, first.GetMetadata())
	for _, p := range []*commonpb.Payload{first, second} {
		for _, trace := range []string{"Lovelace", "json", base64.StdEncoding.EncodeToString([]byte("Lovelace"))} {
			require.NotContains(t, string(p.GetData()), trace)
		}
	}
	require.NotEqual(t, first.GetData(), second.GetData(), "the same is never the same twice")
}

func TestALargePayloadBecomesSmaller(t *testing.T) {
	c := codec(t, "one", map[string][]byte{"one": secret(1)})
	large := text(strings.Repeat("all the same ", 100_000))
	sealed := encode(t, c, large)
	require.Less(t, len(sealed.GetData()), 1000)
	opened, err := decode(c, sealed)
	require.NoError(t, err)
	require.True(t, proto.Equal(large, opened))
}

func TestWhatWasNeverEncryptedIsReadAsItIs(t *testing.T) {
	c := codec(t, "one", map[string][]byte{"one": secret(1)})
	for name, p := range map[string]*commonpb.Payload{
		"text": text("Lovelace"), "nothing": {}, "another encoding": {Metadata: map[string][]byte{"encoding": []byte("binary/zlib")}},
	} {
		opened, err := decode(c, p)
		require.NoError(t, err, name)
		require.True(t, proto.Equal(p, opened), name)
	}
}

func TestOlderKeysDecryptAndOnlyTheActiveOneEncrypts(t *testing.T) {
	before := codec(t, "one", map[string][]byte{"one": secret(1)})
	after := codec(t, "two", map[string][]byte{"one": secret(1), "two": secret(2)})
	opened, err := decode(after, encode(t, before, text("Lovelace")))
	require.NoError(t, err)
	require.True(t, proto.Equal(text("Lovelace"), opened))

	sealed := encode(t, after, text("Lovelace"))
	require.Equal(t, "two", string(sealed.GetMetadata()["encryption-key-id"]))
	_, err = decode(before, sealed)
	var unknown *payload.UnknownKeyError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "two", unknown.ID)
	require.EqualError(t, err, `the payload was encrypted with key "two", which is not among the keys of this process: add it to them`)
}

func TestKeysOfAnotherKindAreFoundToo(t *testing.T) {
	ring := func(id string, b byte) payload.Keys {
		r, err := payload.NewKeyring(id, map[string][]byte{id: secret(b)})
		require.NoError(t, err)
		return r
	}
	all := payload.NewCodec(payload.WithOlder(ring("new", 3), ring("older", 2), ring("oldest", 1)))
	for id, b := range map[string]byte{"new": 3, "older": 2, "oldest": 1} {
		opened, err := decode(all, encode(t, payload.NewCodec(ring(id, b)), text("Lovelace")))
		require.NoError(t, err, id)
		require.True(t, proto.Equal(text("Lovelace"), opened), id)
	}
	require.Equal(t, "new", string(encode(t, all, text("x")).GetMetadata()["encryption-key-id"]))
	_, err := decode(all, encode(t, payload.NewCodec(ring("lost", 4)), text("x")))
	require.ErrorContains(t, err, `"lost"`)
}

func TestAPayloadThatWasTamperedWithDoesNotOpen(t *testing.T) {
	// The same secret under two names: only that the name is bound tells them apart.
	first := codec(t, "one", map[string][]byte{"one": secret(1), "three": secret(3)})
	renamed := codec(t, "two", map[string][]byte{"two": secret(1)})
	for name, test := range map[string]struct {
		by     *payload.Codec
		tamper func(*commonpb.Payload)
	}{
		"another name of the key": {renamed, func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("two") }},
		"another key":             {first, func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("three") }},
		"a data key":              {first, func(p *commonpb.Payload) { p.Metadata["encryption-data-key"] = []byte("x") }},
		"the nonce":               {first, func(p *commonpb.Payload) { p.Data[0] ^= 1 }},
		"the text":                {first, func(p *commonpb.Payload) { p.Data[14] ^= 1 }},
		"the tag":                 {first, func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 }},
		"an end that is missing":  {first, func(p *commonpb.Payload) { p.Data = p.Data[:len(p.Data)-1] }},
		"too little":              {first, func(p *commonpb.Payload) { p.Data = p.Data[:5] }},
		"nothing":                 {first, func(p *commonpb.Payload) { p.Data = nil }},
	} {
		sealed := encode(t, first, text("Lovelace"))
		_, err := decode(first, sealed)
		require.NoError(t, err)
		test.tamper(sealed)
		_, err = decode(test.by, sealed)
		require.ErrorContains(t, err, "does not open", name)
	}
}

func TestOneBadPayloadIsAnErrorForAll(t *testing.T) {
	c := codec(t, "one", map[string][]byte{"one": secret(1)})
	bad := encode(t, c, text("x"))
	bad.Metadata["encryption-key-id"] = []byte("gone")
	opened, err := c.Decode([]*commonpb.Payload{encode(t, c, text("x")), bad})
	require.Error(t, err)
	require.Nil(t, opened)
}

// What is in histories stays there for long: this version wrote the payload
// below, and every later one must read it.
func TestWhatWasWrittenOnceIsReadForEver(t *testing.T) {
	const written = `{"metadata":{"encoding":"YmluYXJ5L3pzdGQrYWVzLTI1Ni1nY20=","encryption-key-id":"MjAyNi0xMQ=="},` +
		`"data":"mSSK1hQwn0QWkpL30u7cSv1hsuOUU8XzG63Sml5zmKGu7epSUtiDYNACFLFcfyoAj15Q/EfT29WvC57V0gZv3kTjLCns18ce274pQGU="}`
	var sealed commonpb.Payload
	require.NoError(t, protojson.Unmarshal([]byte(written), &sealed))
	opened, err := decode(codec(t, "2026-11", map[string][]byte{"2026-11": secret(1)}), &sealed)
	require.NoError(t, err)
	require.True(t, proto.Equal(text("Lovelace"), opened))
}

func FuzzDecode(f *testing.F) {
	c := codec(f, "one", map[string][]byte{"one": secret(1)})
	f.Add([]byte("one"), []byte("data"), []byte(nil))
	f.Add([]byte("one"), encode(f, c, text("x")).GetData(), []byte(nil))
	f.Fuzz(func(t *testing.T, id, data, wrapped []byte) {
		p := &commonpb.Payload{Data: data, Metadata: map[string][]byte{
			"encoding": []byte(payload.Encoding), "encryption-key-id": id, "encryption-data-key": wrapped,
		}}
		if opened, err := decode(c, p); err == nil {
			require.Equal(t, "one", string(id))
			require.NotNil(t, opened)
		}
	})
}

func TestWithoutKeysWhatIsEncryptedNamesTheKeyItNeeds(t *testing.T) {
	sealed, err := codec(t, "one", map[string][]byte{"one": secret(1)}).Encode([]*commonpb.Payload{text("x")})
	require.NoError(t, err)
	none := payload.DecodeOnly{PayloadCodec: payload.NewCodec(payload.NoKeys{})}
	_, err = none.Decode(sealed)
	require.ErrorContains(t, err, `encrypted with key "one", which is not among the keys of this process`)
	plain := []*commonpb.Payload{text("x")}
	encoded, err := none.Encode(plain)
	require.NoError(t, err)
	require.Equal(t, plain, encoded)
	_, err = payload.NewCodec(payload.NoKeys{}).Encode(plain)
	require.ErrorContains(t, err, "this process has no keys")
}
