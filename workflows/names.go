package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"cis/change"
)

// Task queues. Targets have queues of their own, so that each can be bounded
// and served apart, and a slow target takes no worker from the changes.
const (
	ChangeQueue    = "cis-changes"
	DirectoryQueue = "cis-ldap"
	WebhookQueue   = "cis-webhooks"
)

// The updates, the signal and the query that a ProfileChange takes.
const (
	// UpdateIntegrated waits until the set is stored or refused and returns
	// the change.Result. Its argument is the request's digest.
	UpdateIntegrated = "Integrated"
	// UpdateVerified waits until a held set is verified or refused and returns
	// the change.Result, without outcomes. Its argument is the request's
	// digest.
	UpdateVerified = "Verified"
	// UpdateRelease lets a held set be stored, and then is like
	// UpdateIntegrated.
	UpdateRelease = "Release"
	// SignalAbandon gives a held set up, unless it was released. Its argument
	// is the request's digest.
	SignalAbandon = "Abandon"
	// UpdateRetry tries a parked target again. Its argument is the target.
	UpdateRetry = "Retry"
	// UpdateSkip gives a parked target up. Its argument is a SkipRequest.
	UpdateSkip = "Skip"
	// QueryProgress returns the change.Progress.
	QueryProgress = "Progress"
)

// SkipRequest is the argument of UpdateSkip.
type SkipRequest struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// Types of the application errors that updates are refused with.
const (
	ErrorKeyReused    = "idempotency_key_reused"
	ErrorAbandoned    = "abandoned"
	ErrorNotParked    = "target_not_parked"
	ErrorNoReason     = "reason_missing"
	ErrorNoSuchTarget = "no_such_target"
)

// The search attributes of a ProfileChange. None holds personal data: a person
// is the pseudonym that profile.PersonUUID derives.
var (
	SearchPerson    = temporal.NewSearchAttributeKeyKeywordList("CisPerson")
	SearchPublisher = temporal.NewSearchAttributeKeyKeywordList("CisPublisher")
	SearchCondition = temporal.NewSearchAttributeKeyKeywordList("CisCondition")
	SearchState     = temporal.NewSearchAttributeKeyKeyword("CisState")
)

// ID returns the workflow id of the change set that a change belongs to.
func ID(n change.Number) string { return "change/" + string(n.Set()) }

// SearchAttributes are the search attributes that a namespace must have, with
// their types.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	all := map[string]enumspb.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{SearchPerson, SearchPublisher, SearchCondition, SearchState} {
		all[key.GetName()] = key.GetValueType()
	}
	return all
}
