package change

import (
	"encoding/json"
	"slices"
)

// State is how far a change set has come. It is the search attribute CisState.
type State string

// The states. Completed, Rejected, Abandoned and Ended are final.
const (
	Integrating    State = "Integrating"    // being validated, verified and stored
	Publishing     State = "Publishing"     // stored, on its way to the targets
	NeedsAttention State = "NeedsAttention" // a target waits for an operator
	Completed      State = "Completed"      // every target has it, or was skipped
	Rejected       State = "Rejected"       // refused, nothing stored
	Abandoned      State = "Abandoned"      // part of a batch that was refused or broken off, nothing stored
	Ended          State = "Ended"          // by somebody in Temporal, before it was through
)

// Progress is the whole state of a change set, as the query Progress answers.
type Progress struct {
	State   State            `json:"state"`
	Result  Result           `json:"result"`
	Targets []TargetProgress `json:"targets,omitempty"`
}

// Of is the progress of the i-th change of the set alone.
func (p Progress) Of(i int) Progress {
	number := p.Result.Number.At(i)
	one := Progress{State: p.State, Result: Result{Number: number, Digest: p.Result.Digest}}
	if i < len(p.Result.Outcomes) && p.Result.Outcomes[i].Condition != "" {
		one.Result.Outcomes = p.Result.Outcomes[i : i+1]
	}
	for _, r := range p.Result.Rejections {
		if r.Index == i {
			r.Index = 0
			one.Result.Rejections = []Rejection{r}
		}
	}
	for _, t := range p.Targets {
		if t.Changes == nil || slices.Contains(t.Changes, i) {
			one.Targets = append(one.Targets, t.of(number))
		}
	}
	if p.State == Publishing || p.State == NeedsAttention || p.State == Completed {
		one.State = one.published()
	}
	return one
}

// published is the state of a change whose set is stored.
func (p Progress) published() State {
	in := func(state TargetState) bool {
		return slices.ContainsFunc(p.Targets, func(t TargetProgress) bool { return t.State == state })
	}
	switch {
	case len(p.Result.Outcomes) == 0:
		return Rejected
	case in(Parked):
		return NeedsAttention
	case in(Pending):
		return Publishing
	}
	return Completed
}

// TargetState is how far the publication to one target has come.
type TargetState string

// The target states. Published and Skipped are final.
const (
	Pending   TargetState = "pending"   // being tried, again and again
	Parked    TargetState = "parked"    // given up, waits for Retry or Skip
	Published TargetState = "published" // the target has it
	Skipped   TargetState = "skipped"   // an operator said it need not
)

// TargetProgress is the state of the publication to one target.
type TargetProgress struct {
	Target string `json:"target"`
	// Changes are the indexes of those that the target is told of.
	Changes  []int       `json:"changes,omitempty"`
	State    TargetState `json:"state"`
	Attempts int         `json:"attempts,omitempty"`
	// Reason is why the target is parked, or what the operator said on
	// skipping it.
	Reason string `json:"reason,omitempty"`
	// Waiting are the changes that the target does not have, where it is
	// parked and has others.
	Waiting []Failed `json:"waiting,omitempty"`
	// Since is when the state was reached, RFC 3339.
	Since string `json:"since"`
}

// of is the progress of one of the target's changes.
func (t TargetProgress) of(n Number) TargetProgress {
	waiting := t.Waiting
	t.Changes, t.Waiting = nil, nil
	for _, f := range waiting {
		if f.Number == n {
			t.Reason = f.Reason
			return t
		}
	}
	if t.State == Parked && len(waiting) > 0 {
		t.State, t.Reason = Published, "" // it is others that wait
	}
	return t
}

// Publication is what a target is asked to take: the persons whose profiles
// changed. The target reads the profiles themselves from the vault.
type Publication struct {
	Target string `json:"target"`
	// Request and Trace are the set's.
	Request string `json:"request_id,omitempty"`
	Trace   string `json:"traceparent,omitempty"`
	Items   []Item `json:"items"`
}

// Item is one changed profile of a publication.
type Item struct {
	UserID    string    `json:"user_id"`
	Number    Number    `json:"sequence_number"`
	Condition Condition `json:"condition"`
	Revision  int64     `json:"revision"`
	Changed   []string  `json:"changed"`
	Time      int64     `json:"time"`
}

// Report tells how a publication ended: how often it was tried, and which of
// its changes were given up.
type Report struct {
	Attempts int      `json:"attempts"`
	GivenUp  []Failed `json:"given_up,omitempty"`
}

// Failed is a change that a target could not take, and why. The reason never
// holds a profile's values.
type Failed struct {
	Number Number `json:"sequence_number"`
	Reason string `json:"reason"`
}

// Target is who is to be told of which of a set's changes, by their indexes.
type Target struct {
	Name    string `json:"name"`
	Changes []int  `json:"changes"`
}

// UnmarshalJSON also reads what histories have from the time when a set was one
// change: the name alone.
func (t *Target) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) == nil {
		*t = Target{name, []int{0}}
		return nil
	}
	type plain Target
	return json.Unmarshal(text, (*plain)(t))
}
