package change

import "encoding/json"

// Set is what a publisher submits in one request: one partial profile, or
// many. It is the input of one workflow.
type Set struct {
	// Number is the set's sequence number; the i-th change has Number.At(i).
	Number Number `json:"sequence_number"`
	// Client is the client id of the token that submitted the set, and
	// Request and Trace are what it or the API named the request: X-Request-Id
	// and W3C traceparent.
	Client  string `json:"client"`
	Request string `json:"request_id,omitempty"`
	Trace   string `json:"traceparent,omitempty"`
	// Digest identifies the request's content, so that an idempotency key
	// used again for another content is noticed.
	Digest string `json:"digest"`
	// Held says that the set is part of a larger request: it is verified, and
	// stored only once all of the request's sets are, on release.
	Held bool `json:"held,omitempty"`
	// Changes are at most MaxSetSize.
	Changes []Submitted `json:"changes"`
}

// Submitted is one partial profile of a set, or one deletion, and the person it
// is about. A set has one change a person.
type Submitted struct {
	UserID  string          `json:"user_id"`
	Profile json.RawMessage `json:"profile"`
	// Delete asks for the person to be deleted; the profile then only has to
	// prove who asks, by a signed user_id.
	Delete bool `json:"delete,omitempty"`
}

// Condition says what a change did to the vault.
type Condition string

// The conditions, as the Change API names them.
const (
	Create Condition = "create"
	Update Condition = "update"
	NoOp   Condition = "noop"
	Delete Condition = "delete"
)

// Result is what became of a set: an outcome for each change, or, when any was
// rejected, only rejections, and nothing stored. Both are there when other
// changes came in between while the set was being stored: those that were then
// rejected have an outcome without a condition, and the others are stored.
type Result struct {
	Number     Number      `json:"sequence_number"`
	Digest     string      `json:"digest"`
	Outcomes   []Outcome   `json:"outcomes,omitempty"`
	Rejections []Rejection `json:"rejections,omitempty"`
}

// Outcome is what a change that was not rejected did.
type Outcome struct {
	Number    Number    `json:"sequence_number"`
	Condition Condition `json:"condition"`
	// Revision is the profile's after the change; 0 for a no-op.
	Revision int64 `json:"revision,omitempty"`
	// Changed names the attributes that the change replaced.
	Changed []string `json:"changed,omitempty"`
	// Time is when it was stored, in epoch seconds.
	Time int64 `json:"time,omitempty"`
}

// Rejection is why a change was refused. It never holds a profile's values.
type Rejection struct {
	Index       int    `json:"index"` // of the change in its set
	Code        Code   `json:"code"`
	Description string `json:"description"`
	// Problems are the places that the schema does not allow, of a Code
	// InvalidProfile.
	Problems []Problem `json:"problems,omitempty"`
}

// Problem is one thing in a profile that its schema does not allow.
type Problem struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901) into the profile
	Rule    string `json:"rule"`    // the schema's keyword
	Message string `json:"message"`
}

// Code is the kind of a rejection, as the Change API's errors name it.
type Code string

// The codes of rejections.
const (
	MalformedJSON    Code = "malformed_json"
	InvalidProfile   Code = "invalid_profile"
	InvalidPublisher Code = "invalid_publisher"
	InvalidSignature Code = "invalid_signature"
	IdentityPreset   Code = "uuid_or_primary_username_set"
	KeyReused        Code = "idempotency_key_reused"
)
