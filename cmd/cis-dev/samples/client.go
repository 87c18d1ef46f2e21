package samples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"cis/change"
)

// client calls the API as one publisher.
type client struct {
	api  string
	http *http.Client
}

// newClient returns a client with tokens of the publisher's own.
func newClient(ctx context.Context, o Options, publisher string) *client {
	credentials := clientcredentials.Config{
		ClientID:       publisher,
		ClientSecret:   o.Secret(publisher),
		TokenURL:       o.TokenURL,
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"audience": {o.Audience}},
	}
	return &client{api: o.API, http: credentials.Client(ctx)}
}

// answer is what the Change API says, of a change or of what was wrong with it.
type answer struct {
	SequenceNumber change.Number `json:"sequence_number"`
	Condition      string        `json:"condition"`
	Code           string        `json:"code"`
	Description    string        `json:"description"`
}

// submit sends a profile; a refusal is an answer, not an error.
func (c *client) submit(ctx context.Context, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.api+"/v2/user", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	var a answer
	return a, c.call(request, &a)
}

type status struct {
	State   change.State            `json:"state"`
	Targets []change.TargetProgress `json:"targets"`
}

func (c *client) status(ctx context.Context, number change.Number) (status, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api+"/v2/status?sequenceNumber="+string(number), nil)
	if err != nil {
		return status{}, err
	}
	var s status
	return s, c.call(request, &s)
}

func (c *client) call(request *http.Request, into any) error {
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%s %s: %s", request.Method, request.URL.Path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
