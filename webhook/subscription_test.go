package webhook_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/webhook"
)

func TestSubscriptionValidate(t *testing.T) {
	valid := webhook.Subscription{Name: "badge-office", URL: "https://hooks.example.com/cis?key=canary", Audience: "hook.example.com"}
	for name, c := range map[string]struct {
		spoil func(*webhook.Subscription)
		says  string // empty when valid
	}{
		"complete":                   {func(*webhook.Subscription) {}, ""},
		"http and a port":            {func(s *webhook.Subscription) { s.URL = "http://127.0.0.1:8080" }, ""},
		"an IPv6 address":            {func(s *webhook.Subscription) { s.URL = "http://[::1]:8080/" }, ""},
		"every operation":            {func(s *webhook.Subscription) { s.Operations = []string{"create", "update", "delete"} }, ""},
		"a name of 63":               {func(s *webhook.Subscription) { s.Name = strings.Repeat("a", 63) }, ""},
		"a name of 64":               {func(s *webhook.Subscription) { s.Name = strings.Repeat("a", 64) }, "name must be"},
		"no name":                    {func(s *webhook.Subscription) { s.Name = "" }, "name must be"},
		"a name with a full stop":    {func(s *webhook.Subscription) { s.Name = "a.b" }, "name must be"},
		"a name with a slash":        {func(s *webhook.Subscription) { s.Name = "a/b" }, "name must be"},
		"a name with a line end":     {func(s *webhook.Subscription) { s.Name = "a\n" }, "name must be"},
		"a name in upper case":       {func(s *webhook.Subscription) { s.Name = "A" }, "name must be"},
		"no URL":                     {func(s *webhook.Subscription) { s.URL = "" }, "URL must be a full one"},
		"a relative URL":             {func(s *webhook.Subscription) { s.URL = "/canary" }, "URL must be a full one"},
		"another scheme":             {func(s *webhook.Subscription) { s.URL = "ftp://example.com/canary" }, "URL must be a full one"},
		"a file":                     {func(s *webhook.Subscription) { s.URL = "file:///etc/canary" }, "URL must be a full one"},
		"a port without a host":      {func(s *webhook.Subscription) { s.URL = "http://:80/canary" }, "URL must be a full one"},
		"a URL that cannot be read":  {func(s *webhook.Subscription) { s.URL = "http://example.com/%zz?canary" }, "URL cannot be read"},
		"a URL with a control":       {func(s *webhook.Subscription) { s.URL = "http://example.com/canary\r\n" }, "URL cannot be read"},
		"a user in the URL":          {func(s *webhook.Subscription) { s.URL = "http://canary:canary@example.com/" }, "must not have a user"},
		"a fragment":                 {func(s *webhook.Subscription) { s.URL = "http://example.com/#canary" }, "must not have a fragment"},
		"no audience":                {func(s *webhook.Subscription) { s.Audience = "" }, "audience is missing"},
		"an operation of its own":    {func(s *webhook.Subscription) { s.Operations = []string{"create", "rename"} }, `"rename" is no operation`},
		"an operation that is twice": {func(s *webhook.Subscription) { s.Operations = []string{"create", "create"} }, "create is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid
			c.spoil(&s)
			err := s.Validate()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "canary", "a URL may hold a secret")
		})
	}
}

func TestSubscriptionWants(t *testing.T) {
	for _, operation := range []string{"create", "update", "delete"} {
		require.True(t, webhook.Subscription{}.Wants(operation), "no operations are all")
		require.Equal(t, operation == "update", webhook.Subscription{Operations: []string{"update"}}.Wants(operation))
	}
}

func TestEventBody(t *testing.T) {
	event := webhook.Event{Operation: "create", ID: `ad|Mozilla-LDAP|"é<`, Time: 1700000000, SequenceNumber: "12", Revision: 3,
		Attributes: []string{"first_name", "access_information.ldap"}}
	for range 3 {
		body, err := event.Body()
		require.NoError(t, err)
		require.Equal(t, `{"operation":"create","id":"ad|Mozilla-LDAP|\"é<","time":1700000000,`+
			`"sequence_number":"12","revision":3,"attributes":["first_name","access_information.ldap"]}`, string(body))
	}
	event.Attributes = nil
	body, err := event.Body()
	require.NoError(t, err)
	require.Contains(t, string(body), `"attributes":[]`)

	for name, c := range map[string]struct {
		spoil func(*webhook.Event)
		says  string
	}{
		"another operation":             {func(e *webhook.Event) { e.Operation = "foxy" }, "no operation"},
		"no operation":                  {func(e *webhook.Event) { e.Operation = "" }, "no operation"},
		"no id":                         {func(e *webhook.Event) { e.ID = "" }, "id is missing"},
		"no sequence number":            {func(e *webhook.Event) { e.SequenceNumber = "" }, "no sequence number"},
		"a number with a full stop":     {func(e *webhook.Event) { e.SequenceNumber = "1.2" }, "no sequence number"},
		"a number with a header's end":  {func(e *webhook.Event) { e.SequenceNumber = "1\r\nX: y" }, "no sequence number"},
		"an id that is not UTF-8":       {func(e *webhook.Event) { e.ID = "github|\xff" }, "not UTF-8"},
		"an attribute that's not UTF-8": {func(e *webhook.Event) { e.Attributes = []string{"\xff"} }, "not UTF-8"},
	} {
		e := event
		c.spoil(&e)
		_, err := e.Body()
		require.ErrorContains(t, err, c.says, name)
	}
}
