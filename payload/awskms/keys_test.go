package awskms_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"

	"cis/internal/kmstest"
	"cis/payload"
	"cis/payload/awskms"
)

// clock is a clock that is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a key service, a clock, and how its keys are asked for.
type rig struct {
	*kmstest.Service
	*clock
	options awskms.Options
}

func newRig(t *testing.T) *rig {
	r := &rig{Service: kmstest.New(), clock: &clock{now: time.Unix(1_800_000_000, 0)}}
	server := httptest.NewServer(r.Service)
	t.Cleanup(server.Close)
	r.options = awskms.Options{
		Client: kms.New(kms.Options{
			Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
			}),
		}),
		KeyID: "alias/cis", Context: map[string]string{"purpose": "histories"},
		Period: time.Hour, Kept: 10, Age: time.Hour, Timeout: 5 * time.Second, Now: r.clock.read,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	return r
}

// codec is that of a process of its own.
func (r *rig) codec(t *testing.T) *payload.Codec {
	keys, err := awskms.New(r.options)
	require.NoError(t, err)
	return payload.NewCodec(keys)
}

var text = &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"Lovelace"`)}

func seal(t require.TestingT, c *payload.Codec) *commonpb.Payload {
	sealed, err := c.Encode([]*commonpb.Payload{text})
	require.NoError(t, err)
	return sealed[0]
}

func open(c *payload.Codec, p *commonpb.Payload) error {
	opened, err := c.Decode([]*commonpb.Payload{p})
	if err == nil && !bytes.Equal(opened[0].GetData(), text.GetData()) {
		panic("something else was decoded")
	}
	return err
}

func dataKeyOf(p *commonpb.Payload) string { return string(p.GetMetadata()[payload.MetadataDataKey]) }

func TestAnotherProcessOpensWhatOneHasEncrypted(t *testing.T) {
	r := newRig(t)
	first := r.codec(t)
	sealed := seal(t, first)
	require.Equal(t, kmstest.ARN, string(sealed.GetMetadata()[payload.MetadataKeyID]), "also where an alias was asked for")
	require.NoError(t, open(first, sealed))
	require.Equal(t, 0, r.Count("Decrypt"), "who made the key has it")
	second := r.codec(t)
	for range 3 {
		require.NoError(t, open(second, sealed))
	}
	require.Equal(t, 1, r.Count("Decrypt"), "it is opened once")
	require.NotEqual(t, dataKeyOf(sealed), dataKeyOf(seal(t, second)), "each has a key of its own")
}

func TestADataKeyEncryptsForItsPeriod(t *testing.T) {
	r := newRig(t)
	c := r.codec(t)
	first := seal(t, c)
	r.pass(time.Hour - time.Second)
	require.Equal(t, dataKeyOf(first), dataKeyOf(seal(t, c)))
	r.pass(time.Second)
	seal(t, c) // nobody waits for the new one
	require.Eventually(t, func() bool { return r.Count("GenerateDataKey") == 2 }, 5*time.Second, time.Millisecond)
	for dataKeyOf(seal(t, c)) == dataKeyOf(first) {
		time.Sleep(time.Millisecond) // until the answer is here
	}
	require.Equal(t, 2, r.Count("GenerateDataKey"))
	require.NoError(t, open(c, first), "what was encrypted before can still be read")
}

func TestWhileKMSIsAwayTheKeyGoesOnForAnotherPeriod(t *testing.T) {
	r := newRig(t)
	c := r.codec(t)
	first := seal(t, c)
	r.Fail("KMSInternalException")
	r.pass(time.Hour)
	for range 100 {
		require.Equal(t, dataKeyOf(first), dataKeyOf(seal(t, c)))
	}
	require.Eventually(t, func() bool { return r.Count("GenerateDataKey") == 2 }, 5*time.Second, time.Millisecond)
	for range 100 {
		seal(t, c)
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, 2, r.Count("GenerateDataKey"), "it is not asked for every payload")
	r.pass(time.Hour)
	_, err := c.Encode([]*commonpb.Payload{text})
	require.ErrorIs(t, err, payload.ErrUnavailable)
	r.Fail("")
	require.NotEqual(t, dataKeyOf(first), dataKeyOf(seal(t, c)), "it goes on by itself")
}

func TestOpenedKeysAreKeptForATimeAndNotTooMany(t *testing.T) {
	r := newRig(t)
	sealed := seal(t, r.codec(t))
	c := r.codec(t)
	require.NoError(t, open(c, sealed))
	r.pass(time.Hour - time.Second)
	require.NoError(t, open(c, sealed))
	require.Equal(t, 1, r.Count("Decrypt"))
	r.pass(time.Second)
	require.NoError(t, open(c, sealed))
	require.Equal(t, 2, r.Count("Decrypt"), "it had grown old")
	for range r.options.Kept {
		require.NoError(t, open(c, seal(t, r.codec(t))))
	}
	before := r.Count("Decrypt")
	require.NoError(t, open(c, sealed))
	require.Equal(t, before+1, r.Count("Decrypt"), "others had taken its place")
}

func TestManyAtOnceOpenAKeyOnce(t *testing.T) {
	r := newRig(t)
	sealed := seal(t, r.codec(t))
	c := r.codec(t)
	r.Delay(50 * time.Millisecond)
	var all sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		all.Go(func() { errs[i] = open(c, sealed) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 1, r.Count("Decrypt"))
}

func TestKeysThatCannotBeOpened(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*rig, *commonpb.Payload)
		later bool // it may be opened later
		says  string
		asked int
	}{
		"KMS is away":                {func(r *rig, _ *commonpb.Payload) { r.Fail("KMSInternalException") }, true, "KMSInternalException", 1},
		"this process may not":       {func(r *rig, _ *commonpb.Payload) { r.Fail("AccessDeniedException") }, true, "AccessDeniedException", 1},
		"the KMS key is disabled":    {func(r *rig, _ *commonpb.Payload) { r.Fail("DisabledException") }, true, "DisabledException", 1},
		"another encryption context": {func(r *rig, _ *commonpb.Payload) { r.options.Context = map[string]string{"purpose": "x"} }, false, "encryption context", 1},
		"a data key that is none":    {func(_ *rig, p *commonpb.Payload) { p.Metadata[payload.MetadataDataKey] = []byte("x") }, false, "encryption context", 1},
		"no data key":                {func(_ *rig, p *commonpb.Payload) { delete(p.Metadata, payload.MetadataDataKey) }, false, "add it", 0},
		"somebody else's KMS key":    {func(_ *rig, p *commonpb.Payload) { p.Metadata[payload.MetadataKeyID] = []byte(kmstest.OtherARN) }, false, "add it", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			sealed := seal(t, r.codec(t))
			if name == "another encryption context" {
				test.spoil(r, sealed)
			}
			c := r.codec(t)
			test.spoil(r, sealed)
			err := open(c, sealed)
			require.ErrorContains(t, err, test.says)
			if test.later {
				require.ErrorIs(t, err, payload.ErrUnavailable)
			} else {
				require.NotErrorIs(t, err, payload.ErrUnavailable)
			}
			require.Equal(t, test.asked, r.Count("Decrypt"))
		})
	}
}

func TestAnOlderKMSKeyStillOpens(t *testing.T) {
	r := newRig(t)
	before := seal(t, r.codec(t))
	r.options.KeyID = kmstest.OtherARN
	require.ErrorContains(t, open(r.codec(t), before), "add it")
	r.options.Older = []string{kmstest.ARN}
	c := r.codec(t)
	require.NoError(t, open(c, before))
	require.Equal(t, kmstest.OtherARN, string(seal(t, c).GetMetadata()[payload.MetadataKeyID]))
}

func TestWithoutAKeyThatMakesDataKeysOlderOnesStillOpen(t *testing.T) {
	r := newRig(t)
	sealed := seal(t, r.codec(t))
	made := r.Count("GenerateDataKey")
	r.options.KeyID, r.options.Older = "", []string{kmstest.ARN}
	c := r.codec(t)
	require.NoError(t, open(c, sealed))
	_, err := c.Encode([]*commonpb.Payload{text})
	require.ErrorContains(t, err, "no KMS key is named that makes data keys")
	require.Equal(t, made, r.Count("GenerateDataKey"), "none is asked for")
}

func TestAWrongSetUpIsAnErrorAtTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*rig)
		says  []string
	}{
		"no such KMS key": {func(r *rig) { r.options.KeyID = "alias/lost" }, []string{"alias/lost", "NotFoundException"}},
		"no rights":       {func(r *rig) { r.Fail("AccessDeniedException") }, []string{"AccessDeniedException"}},
		"nothing is set": {func(r *rig) { r.options = awskms.Options{} },
			[]string{"no KMS key is named", "the period of data keys is 0s", "their age is 0s", "the timeout is 0s", "0 data keys can be kept"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			test.spoil(r)
			_, err := awskms.New(r.options)
			for _, words := range test.says {
				require.ErrorContains(t, err, words)
			}
		})
	}
}
