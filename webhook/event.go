package webhook

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
)

// Event is what a delivery tells: that a person's profile changed, not how.
// The first three members of its JSON are the original's.
type Event struct {
	// Operation is "create", "update" or "delete".
	Operation string `json:"operation"`
	// ID is the person's user_id.
	ID string `json:"id"`
	// Time of the change in seconds since 1970.
	Time int64 `json:"time"`
	// SequenceNumber is the change's.
	SequenceNumber string `json:"sequence_number"`
	// Revision is the profile's after the change: of two events of a person
	// the one with the larger revision is the newer.
	Revision int64 `json:"revision"`
	// Attributes names the changed attributes, never their values.
	Attributes []string `json:"attributes"`
}

// A sequence number goes into a header, and with full stops around it into a
// signature: it must not have any itself.
var validNumber = regexp.MustCompile(`^[0-9A-Za-z_-]{1,100}$`)

// Body returns the JSON to be sent. The same event always gives the same bytes.
func (e Event) Body() ([]byte, error) {
	switch {
	case !slices.Contains(operations, e.Operation):
		return nil, fmt.Errorf("event: %.80q is no operation", e.Operation)
	case e.ID == "":
		return nil, errors.New("event: the person's id is missing")
	case !validNumber.MatchString(e.SequenceNumber):
		return nil, fmt.Errorf("event: %.80q is no sequence number", e.SequenceNumber)
	}
	body, err := json.Marshal(e, json.Deterministic(true))
	if err != nil {
		return nil, errors.New("event: the id or an attribute's name is not UTF-8")
	}
	return body, nil
}
