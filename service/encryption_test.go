package service

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"cis/config"
	"cis/internal/kmstest"
	"cis/payload"
)

// keyFile is a file with one key, of bytes that are all the same.
func keyFile(t *testing.T, id string, b byte) string {
	secret := make([]byte, payload.KeySize)
	for i := range secret {
		secret[i] = b
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	text := `{"active":"` + id + `","keys":{"` + id + `":"` + base64.StdEncoding.EncodeToString(secret) + `"}}`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// newKMS is a key service that calls reach with these settings.
func newKMS(t *testing.T) (*kmstest.Service, config.KMS) {
	s := kmstest.New()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	return s, config.KMS{
		Key: "alias/cis", Region: "eu-central-1", Endpoint: server.URL, Context: []string{"purpose=histories"},
		Period: time.Hour, Keep: 10, KeepFor: time.Hour, Timeout: 5 * time.Second,
	}
}

func newCodec(t *testing.T, c config.Encryption) converter.PayloadCodec {
	codec, err := Codec(context.Background(), c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	return codec
}

var plain = []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"Ada"`)}}

// seal returns a payload as it goes to Temporal, and the id of its key, "" where
// it is in the clear.
func seal(t *testing.T, codec converter.PayloadCodec) (sealed []*commonpb.Payload, key string) {
	sealed, err := codec.Encode(plain)
	require.NoError(t, err)
	return sealed, string(sealed[0].GetMetadata()[payload.MetadataKeyID])
}

func requireOpens(t *testing.T, codec converter.PayloadCodec, sealed []*commonpb.Payload) {
	opened, err := codec.Decode(sealed)
	require.NoError(t, err)
	require.Equal(t, `"Ada"`, string(opened[0].GetData()))
}

func TestHistoriesStayReadableFromTheClearToAKeyFileToKMSAndBack(t *testing.T) {
	_, kms := newKMS(t)
	older := kms
	older.Key, older.Older = "", []string{kmstest.ARN}
	file := keyFile(t, "one", 1)
	written := [][]*commonpb.Payload{plain}
	for _, step := range []struct {
		name    string
		config  config.Encryption
		written string
	}{
		{"a key, to decrypt at first", config.Encryption{KeyFile: file, DecodeOnly: true}, ""},
		{"which then encrypts", config.Encryption{KeyFile: file}, "one"},
		{"KMS's key, to decrypt at first", config.Encryption{KeyFile: file, KMS: older}, "one"},
		{"which then encrypts, the file's decrypts", config.Encryption{KeyFile: file, KMS: kms}, kmstest.ARN},
		{"the file's again", config.Encryption{KeyFile: file, KMS: older}, "one"},
		{"both, to decrypt", config.Encryption{KeyFile: file, KMS: kms, DecodeOnly: true}, ""},
	} {
		codec := newCodec(t, step.config)
		sealed, key := seal(t, codec)
		require.Equal(t, step.written, key, step.name)
		written = append(written, sealed)
		for _, one := range written {
			requireOpens(t, codec, one)
		}
	}
}

func TestAProcessWithoutTheKeySaysWhichItNeeds(t *testing.T) {
	sealed, _ := seal(t, newCodec(t, config.Encryption{KeyFile: keyFile(t, "one", 1)}))
	for name, c := range map[string]config.Encryption{"no key": {}, "another": {KeyFile: keyFile(t, "two", 2)}} {
		_, err := newCodec(t, c).Decode(sealed)
		require.ErrorAs(t, err, new(*payload.UnknownKeyError), name)
		require.ErrorContains(t, err, `"one"`, name)
	}
}

func TestDataKeysAreBoundToTheContextThatIsSet(t *testing.T) {
	_, kms := newKMS(t)
	sealed, _ := seal(t, newCodec(t, config.Encryption{KMS: kms}))
	kms.Context = []string{"purpose=other"}
	_, err := newCodec(t, config.Encryption{KMS: kms}).Decode(sealed)
	require.ErrorContains(t, err, "with this encryption context")
}

func TestWhatKeepsKMSFromBeingUsedIsAnErrorAtTheStart(t *testing.T) {
	service, kms := newKMS(t)
	start := func() error {
		_, err := Codec(context.Background(), config.Encryption{KMS: kms}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		return err
	}
	service.Fail("AccessDeniedException")
	require.ErrorContains(t, start(), "encryption.kms: ")
	require.ErrorContains(t, start(), "AccessDeniedException")
	service.Fail("")
	require.NoError(t, start())
	kms.Region = ""
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	require.EqualError(t, start(), "encryption.kms: there is no AWS region: set encryption.kms.region or AWS_REGION")
}

func TestAProcessThatCannotEncryptIsNotReady(t *testing.T) {
	service, kms := newKMS(t)
	kms.Period = time.Millisecond
	p := Parts{Codec: newCodec(t, config.Encryption{KMS: kms})}
	require.NoError(t, p.encrypting(context.Background()))
	service.Fail("KMSInternalException")
	require.Eventually(t, func() bool { return p.encrypting(context.Background()) != nil }, 5*time.Second, time.Millisecond)
	service.Fail("")
	require.Eventually(t, func() bool { return p.encrypting(context.Background()) == nil }, 5*time.Second, time.Millisecond)
}
