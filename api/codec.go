package api

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"cis/payload"
)

// ScopeDecode is the scope of those who may read encrypted histories, and
// write what goes into them.
const ScopeDecode = "decode:histories"

// Codec is what Temporal's web UI, in a browser, calls to show encrypted
// histories, and to encrypt what somebody enters there. The UI must be told to
// send its user's access token along, which it does over HTTPS only.
type Codec struct {
	// Payloads encodes and decodes; nil where there is nothing to decode: then
	// there are no such routes.
	Payloads converter.PayloadCodec
	// Origin is the UI's, as "https://temporal.example.org". No page of another
	// may call.
	Origin string
}

const (
	codecPath = "/codec"
	// maxPayloads is more than Temporal lets be in one event or answer, in bytes,
	// base64 of base64 included.
	maxPayloads = 16 << 20
)

// fromHere tells whether pages of an origin may call a path.
func (o Codec) fromHere(path, origin string) bool {
	return origin == o.Origin || path != codecPath && !strings.HasPrefix(path, codecPath+"/")
}

// serve serves /encode and /decode with the SDK's handler.
func (o Codec) serve(c *gin.Context) {
	body, problem := readBody(c, maxPayloads)
	if problem != nil {
		fail(c, problem)
		return
	}
	request := c.Request.Clone(c.Request.Context())
	request.Body = http.NoBody
	if len(body) > 0 {
		request.Body = reread{bytes.NewReader(body)}
	}
	codec := &witness{PayloadCodec: o.Payloads}
	answer := &kept{header: http.Header{}}
	converter.NewPayloadCodecHTTPHandler(codec).ServeHTTP(answer, request)
	switch {
	case errors.Is(codec.err, payload.ErrUnavailable):
		fail(c, unavailable("the keys of histories cannot be had now, try again later"))
	case codec.err != nil:
		fail(c, newError(http.StatusBadRequest, "invalid_payload", short(codec.err.Error())))
	case answer.status >= http.StatusBadRequest:
		fail(c, newError(http.StatusBadRequest, "malformed_json",
			short(`the body is not {"payloads": [{"metadata": {…}, "data": "BASE64"}]}: `+strings.TrimSpace(answer.body.String()))))
	default:
		c.Header("Cache-Control", "no-store")
		c.Data(http.StatusOK, "application/json", answer.body.Bytes())
	}
}

// reread is a body that was read already.
type reread struct{ *bytes.Reader }

func (reread) Close() error { return nil }

// witness keeps the error of a codec, of which the SDK's handler tells only the
// text.
type witness struct {
	converter.PayloadCodec
	err error
}

func (w *witness) Encode(payloads []*commonpb.Payload) (done []*commonpb.Payload, err error) {
	done, w.err = w.PayloadCodec.Encode(payloads)
	return done, w.err
}

func (w *witness) Decode(payloads []*commonpb.Payload) (done []*commonpb.Payload, err error) {
	done, w.err = w.PayloadCodec.Decode(payloads)
	return done, w.err
}

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header            { return k.header }
func (k *kept) WriteHeader(status int)         { k.status = status }
func (k *kept) Write(text []byte) (int, error) { return k.body.Write(text) }
