package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	invalid "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/responses"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"go.yaml.in/yaml/v3"
)

// contract is the OpenAPI document, as a judge of requests and answers.
type contract struct {
	model    *v3.Document
	requests validator.Validator
	options  config.Option
}

func readContract(file string) (*contract, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	built, err := document.BuildV3Model()
	if err != nil {
		return nil, err
	}
	options := config.NewValidationOptions(config.WithFormatAssertions(), config.WithContentAssertions(),
		config.WithAuthenticationFunc(hasScopes), config.WithRejectUndeclaredRequestBody())
	return &contract{
		model:    &built.Model,
		requests: validator.NewValidatorFromV3Model(&built.Model, config.WithExistingOpts(options)),
		options:  config.WithExistingOpts(options),
	}, nil
}

// exchange is a request and its answer, both whole, but that of a very long
// request only the beginning is kept.
type exchange struct {
	request  *http.Request
	sent     []byte
	cut      bool
	response *http.Response
	received []byte
}

// violations are what the document does not allow of an exchange. A request
// that was refused may be anything.
func (c *contract) violations(e exchange) []string {
	if e.request.Method == http.MethodOptions {
		return c.preflight(e)
	}
	path, item := c.item(e.request.URL.EscapedPath())
	if item == nil {
		return c.answer(e, "404", c.model.Components.Responses.GetOrZero("NotFound"))
	}
	operation := operationOf(item, e.request.Method)
	if operation == nil {
		return c.answer(e, "405", c.model.Components.Responses.GetOrZero("MethodNotAllowed"))
	}
	status := strconv.Itoa(e.response.StatusCode)
	found := c.answer(e, status, operation.Responses.Codes.GetOrZero(status))
	if e.response.StatusCode < 300 && !e.cut {
		found = append(found, c.question(e, path, item, operation)...)
	}
	return found
}

// item is the path of the document that a request's path is one of, one
// without parameters first.
func (c *contract) item(requested string) (path string, item *v3.PathItem) {
	segments := strings.Split(requested, "/")
	for template, candidate := range c.model.Paths.PathItems.FromOldest() {
		parts := strings.Split(template, "/")
		fits := len(parts) == len(segments)
		for i := 0; fits && i < len(parts); i++ {
			fits = parts[i] == segments[i] || strings.HasPrefix(parts[i], "{") && segments[i] != ""
		}
		if fits && (item == nil || !strings.Contains(template, "{")) {
			path, item = template, candidate
		}
	}
	return path, item
}

func operationOf(item *v3.PathItem, method string) *v3.Operation {
	switch method {
	case http.MethodGet, http.MethodHead:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	}
	return nil
}

// answer checks a response against what the document has for it.
func (c *contract) answer(e exchange, status string, documented *v3.Response) []string {
	if got := strconv.Itoa(e.response.StatusCode); documented == nil || got != status {
		return []string{"the document does not have this status: " + string(e.received)}
	}
	response := *e.response
	response.Header = withoutOrigin(response.Header)
	found := undeclaredHeaders(response.Header, documented)
	if documented.Headers != nil {
		_, problems := responses.ValidateResponseHeaders(e.request, &response, documented.Headers, "", status, c.options)
		found = append(found, inLines(problems)...)
	}
	if e.request.Method == http.MethodHead || documented.Content == nil {
		if len(e.received) > 0 {
			found = append(found, "there is a body: "+string(e.received))
		}
		return found
	}
	media, _, _ := mime.ParseMediaType(e.response.Header.Get("Content-Type"))
	described := documented.Content.GetOrZero(media)
	if described == nil {
		return append(found, "the document does not have the media type "+media)
	}
	if described.Schema == nil {
		return found
	}
	body, err := decoded(media, e.received)
	if err != nil {
		return append(found, err.Error())
	}
	_, problems := responses.ValidateResponseSchema(&responses.ValidateResponseSchemaInput{
		Request: e.request, Response: e.response, Schema: described.Schema.Schema(), Version: 3.1,
		Options: []config.Option{c.options}, DecodedValue: body, RawBody: e.received, ValueDecoded: true,
	})
	return append(found, inLines(problems)...)
}

func decoded(media string, body []byte) (value any, err error) {
	switch media {
	case "application/json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err = d.Decode(&value); err == nil && d.More() {
			err = errors.New("something follows the JSON value")
		}
	case "application/yaml":
		err = yaml.Unmarshal(body, &value)
	default:
		value = string(body)
	}
	return value, err
}

// withoutOrigin leaves out of the Vary header what CORS puts there.
func withoutOrigin(header http.Header) http.Header {
	left := header.Clone()
	left["Vary"] = slices.DeleteFunc(left["Vary"], func(name string) bool { return name == "Origin" })
	if len(left["Vary"]) == 0 {
		left.Del("Vary")
	}
	return left
}

// undeclaredHeaders are those that the document does not have. Those of HTTP
// itself and of CORS it has for all answers or none.
func undeclaredHeaders(header http.Header, documented *v3.Response) (found []string) {
	for name := range header {
		switch {
		case slices.Contains([]string{"Content-Type", "Content-Length", "Date", "Connection", "Transfer-Encoding"}, name),
			strings.HasPrefix(name, "Access-Control-"):
			continue
		}
		declared := false
		if documented.Headers != nil {
			for known := range documented.Headers.KeysFromOldest() {
				declared = declared || strings.EqualFold(known, name)
			}
		}
		if !declared {
			found = append(found, "the document does not have the header "+name)
		}
	}
	return found
}

// question checks a request that had success.
func (c *contract) question(e exchange, path string, item *v3.PathItem, operation *v3.Operation) []string {
	request := e.request.Clone(e.request.Context())
	// However it is encoded: what the server has read of it counts.
	request.URL.RawQuery = request.URL.Query().Encode()
	if len(e.sent) > 0 {
		request.Header.Set("Content-Type", "application/json") // bodies are JSON whatever it says
	}
	request.Body = io.NopCloser(bytes.NewReader(e.sent))
	_, problems := c.requests.ValidateHttpRequestSyncWithPathItem(request, item, path)
	found := inLines(problems)
	for name := range request.URL.Query() {
		if !slices.ContainsFunc(append(slices.Clone(item.Parameters), operation.Parameters...), func(p *v3.Parameter) bool {
			return p.In == "query" && p.Name == name
		}) {
			found = append(found, "the document does not have the parameter "+name)
		}
	}
	return found
}

// hasScopes tells whether a request's token has the scopes that the document
// says it needs.
func hasScopes(_ context.Context, input *config.AuthenticationInput) error {
	parts := strings.Split(input.Request.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return errors.New("there is no token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct{ Scope string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	for _, scope := range input.Scopes {
		if !slices.Contains(strings.Fields(claims.Scope), scope) {
			return fmt.Errorf("the token does not have the scope %s", scope)
		}
	}
	return nil
}

// preflight checks the answer to a browser's question whether it may ask. The
// document has none of them for itself: they are all alike.
func (c *contract) preflight(e exchange) (found []string) {
	if e.response.StatusCode != http.StatusOK || len(e.received) > 0 {
		found = append(found, "a preflight request is answered 200 without a body")
	}
	if origin := e.request.Header.Get("Origin"); e.response.Header.Get("Access-Control-Allow-Origin") != origin {
		found = append(found, "every origin may call")
	}
	return found
}

// inLines makes lines of what the validator has found.
func inLines(problems []*invalid.ValidationError) (lines []string) {
	for _, problem := range problems {
		if len(problem.SchemaValidationErrors) == 0 {
			lines = append(lines, problem.Message+": "+problem.Reason)
		}
		for _, failure := range problem.SchemaValidationErrors {
			lines = append(lines, strings.Join(strings.Fields(fmt.Sprintln(
				problem.ValidationType, problem.ValidationSubType, problem.ParameterName, failure.FieldPath, failure.Reason)), " "))
		}
	}
	return lines
}
