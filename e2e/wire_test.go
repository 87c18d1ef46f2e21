package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/signing"
)

// wire sends a request byte for byte as a foreign client does: net/http would
// spell the target and the headers in its own way.
func (p *process) wire(address, method, target string, body []byte, headers ...string) reply {
	connection, err := net.Dial("tcp", address)
	require.NoError(p.t, err)
	defer connection.Close()
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, address)
	for _, header := range headers {
		request.WriteString(header + "\r\n")
	}
	if body != nil {
		request.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	request.WriteString("\r\n")
	request.Write(body)
	_, err = connection.Write(request.Bytes())
	require.NoError(p.t, err)

	understood, noHTTP := http.ReadRequest(bufio.NewReader(&request))
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	require.NoError(p.t, err)
	defer response.Body.Close()
	content := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		content, err = gzip.NewReader(content)
		require.NoError(p.t, err)
	}
	text, err := io.ReadAll(content)
	require.NoError(p.t, err)
	if at := processAt(address); at != nil && noHTTP == nil {
		check(at, exchange{request: understood, sent: body, response: response, received: text})
	}
	r := reply{status: response.StatusCode, text: string(text)}
	_ = json.Unmarshal(text, &r.body)
	return r
}

// percent writes every byte that keep does not want kept as %XX.
func percent(s string, keep func(c byte) bool) string {
	var out strings.Builder
	for i := range len(s) {
		if keep(s[i]) {
			out.WriteByte(s[i])
		} else {
			fmt.Fprintf(&out, "%%%02X", s[i])
		}
	}
	return out.String()
}

// unreserved are the characters that no client encodes.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// unbound signs an attribute as the original does: the signature says neither
// whose attribute it is nor which.
func unbound(p *process, publisher string, a *profile.Attribute) *profile.Attribute {
	content, err := a.SignedContent()
	require.NoError(p.t, err)
	return withSignature(p, a, publisher, p.unboundJWS(publisher, content))
}

func withSignature(p *process, a *profile.Attribute, publisher, value string) *profile.Attribute {
	a, err := a.WithSignature(profile.Signed{Alg: "RS256", Typ: "JWS", Name: publisher, Value: value})
	require.NoError(p.t, err)
	return a
}

func (p *process) unboundJWS(publisher string, content []byte) string {
	value, err := p.signer(publisher).Sign(content, signing.Binding{})
	require.NoError(p.t, err)
	return value
}

// crowd creates people through the batch call, who must all be new.
func (p *process) crowd(bodies ...[]byte) {
	const most = 250
	token := p.token()
	for chunk := range slices.Chunk(bodies, most) {
		r := p.must(http.MethodPost, "/v2/users", token, slices.Concat([]byte("["), bytes.Join(chunk, []byte(",")), []byte("]")))
		require.Equal(p.t, http.StatusOK, r.status, r.text)
		creates, _ := r.body["creates"].(map[string]any)
		require.Len(p.t, creates["sequence_numbers"], len(chunk), r.text)
	}
}

// member is one of a crowd: as little as the LDAP publisher can say of anyone,
// and nothing that is null.
func (p *process) member(id string, active bool, more ...value) []byte {
	said, err := profile.Parse(p.signed("ldap", id, append([]value{
		{"login_method", "Mozilla-LDAP", "public"}, {profile.Active, active, ""},
		{profile.PrimaryEmail, percent(id, unreserved) + "@example.org", "ndaed"},
	}, more...)...))
	require.NoError(p.t, err)
	body := map[string]any{}
	for path, a := range said.Attributes() {
		if a.IsNull() {
			continue
		}
		in := body
		if path.Group() != "" {
			group, ok := body[path.Group()].(map[string]any)
			if !ok {
				group = map[string]any{}
				body[path.Group()] = group
			}
			in = group
		}
		in[path.Name()] = json.RawMessage(a.JSON())
	}
	text, err := json.Marshal(body)
	require.NoError(p.t, err)
	return text
}
