package webhook

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Subscription is a service that wants to be told of changes.
type Subscription struct {
	// Name identifies the subscription: up to 63 lower-case letters, digits
	// and dashes, of which the first is no dash.
	Name string `json:"name"`
	// URL takes the POST. It may carry a secret in its path or query, so it is
	// in no error.
	URL string `json:"url"`
	// Audience is what the deliveries' bearer tokens are issued for.
	Audience string `json:"audience"`
	// Operations are the kinds of change to be told of ("create", "update",
	// "delete"); empty for all.
	Operations []string `json:"operations,omitempty"`
}

var (
	validName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	operations = []string{"create", "update", "delete"}
)

// Validate tells what is wrong with a subscription.
func (s Subscription) Validate() error {
	if !validName.MatchString(s.Name) {
		return fmt.Errorf("subscription %.80q: the name must be 1 to 63 lower-case letters, digits and dashes", s.Name)
	}
	if err := validURL(s.URL); err != nil {
		return fmt.Errorf("subscription %s: %w", s.Name, err)
	}
	if s.Audience == "" {
		return fmt.Errorf("subscription %s: the audience is missing", s.Name)
	}
	for i, o := range s.Operations {
		if !slices.Contains(operations, o) {
			return fmt.Errorf("subscription %s: %.80q is no operation; there are %s", s.Name, o, strings.Join(operations, ", "))
		}
		if slices.Contains(s.Operations[:i], o) {
			return fmt.Errorf("subscription %s: the operation %s is there twice", s.Name, o)
		}
	}
	return nil
}

func validURL(text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("the URL cannot be read: %w", cause(err))
	case at.Scheme != "http" && at.Scheme != "https", at.Hostname() == "":
		return errors.New("the URL must be a full one that begins with http:// or https://")
	case at.User != nil:
		return errors.New("the URL must not have a user or password in it: receivers check the bearer token")
	case at.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("the URL must not have a fragment (#…): it is never sent")
	}
	return nil
}

// cause takes the URL out of an error of net/url or net/http.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Wants tells whether the subscription is to be told of this kind of change.
func (s Subscription) Wants(operation string) bool {
	return len(s.Operations) == 0 || slices.Contains(s.Operations, operation)
}
