package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cis/change"
	"cis/profile"
	"cis/schema"
	"cis/signing"
	"cis/vault"
)

// Integration validates, verifies and stores change sets.
type Integration struct {
	Vault    vault.Store
	Rules    *profile.Rules
	Verifier *signing.Verifier
	// Signer signs CIS's own attributes.
	Signer *signing.Signer
	// Salt goes into the uuid of new people; it never changes.
	Salt string
	// Targets names who is to be told of changes with this condition.
	Targets func(change.Condition) []string
	// Now is the clock.
	Now func() time.Time
}

// maxProblems bounds how many problems the rejections of a set list: what goes
// to Temporal has a limit. Further ones have only their description.
const maxProblems = 200

// Validate checks each change of the set for itself: that it is a profile that
// the schema allows. Its rejections are the set's.
func (a *Integration) Validate(_ context.Context, set change.Set) ([]change.Rejection, error) {
	var rejections []change.Rejection
	problems := 0
	for i, submitted := range set.Changes {
		r := validate(submitted)
		if r == nil {
			continue
		}
		r.Index = i
		if problems += len(r.Problems); problems > maxProblems {
			r.Problems = nil
		}
		rejections = append(rejections, *r)
	}
	return rejections, nil
}

func validate(submitted change.Submitted) *change.Rejection {
	incoming, err := profile.Parse(submitted.Profile)
	if err != nil {
		return &change.Rejection{Code: change.MalformedJSON, Description: err.Error()}
	}
	if submitted.Delete {
		if incoming, err = deletionProof(incoming); err != nil {
			return &change.Rejection{Code: change.InvalidProfile, Description: err.Error()}
		}
	}
	err = schema.ValidatePartial(profile.Said(incoming).JSON())
	if err == nil {
		return tooLong(incoming)
	}
	r := &change.Rejection{Code: change.InvalidProfile, Description: err.Error()}
	if invalid, ok := errors.AsType[*schema.Invalid](err); ok {
		for _, p := range invalid.Problems {
			r.Problems = append(r.Problems, change.Problem(p))
		}
	}
	return r
}

// tooLong refuses a key that the vault could not keep. Storing would refuse it
// as well, but by then the other sets of a batch are stored.
func tooLong(p *profile.Profile) *change.Rejection {
	for _, path := range []profile.Path{profile.UserID, profile.UUID, profile.PrimaryEmail, profile.PrimaryUsername} {
		if len(p.String(path)) > vault.MaxKey {
			message := fmt.Sprintf("is longer than %d bytes", vault.MaxKey)
			return &change.Rejection{Code: change.InvalidProfile, Description: path.Pointer() + " " + message,
				Problems: []change.Problem{{Pointer: path.Pointer(), Rule: "maxLength", Message: message}}}
		}
	}
	return nil
}

// deletionProof is what of a deletion's profile matters: the user_id, with the
// signature of whoever asks.
func deletionProof(p *profile.Profile) (*profile.Profile, error) {
	id := p.Get(profile.UserID)
	if id.IsNull() {
		return nil, errors.New("a deletion needs a profile with the signed user_id of the person")
	}
	return profile.Empty().With(profile.UserID, id), nil
}

// Verdict is what Verify found: rejections, those of Validate among them, or
// the state of the vault that the set was verified against.
type Verdict struct {
	Rejections []change.Rejection `json:"rejections,omitempty"`
	// Read holds, for each change, the sequence number of the stored profile
	// that it was merged onto; empty for a new person.
	Read []string `json:"read,omitempty"`
	// Partly says that some of the set's changes are stored already.
	Partly bool `json:"partly,omitempty"`
}

// Verify checks each change that Validate has not rejected against the stored
// profile: that the publisher of each changed attribute may write it and has
// signed it.
func (a *Integration) Verify(ctx context.Context, set change.Set, rejected []change.Rejection) (Verdict, error) {
	merges, err := a.merge(ctx, set, rejected)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Rejections: rejected, Read: make([]string, len(merges))}
	for i, m := range merges {
		if m == nil {
			continue
		}
		verdict.Read[i] = m.stored.SequenceNumber
		rejection, err := a.verify(ctx, m)
		if err != nil {
			return Verdict{}, err
		}
		if rejection != nil {
			rejection.Index = i
			verdict.Rejections = append(verdict.Rejections, *rejection)
			continue
		}
		verdict.Partly = verdict.Partly || m.applied != nil
	}
	slices.SortFunc(verdict.Rejections, func(a, b change.Rejection) int { return a.Index - b.Index })
	return verdict, nil
}

func (a *Integration) verify(ctx context.Context, m *merge) (*change.Rejection, error) {
	if m.applied != nil {
		return m.reused(), nil
	}
	if m.deletion {
		return a.verifyDeletion(ctx, m)
	}
	if m.condition == change.Create {
		for _, path := range []profile.Path{profile.UUID, profile.PrimaryUsername} {
			if !m.after.Get(path).IsNull() {
				return &change.Rejection{Code: change.IdentityPreset,
					Description: "The fields primary_username or uuid have been set in a new profile."}, nil
			}
		}
		if m.after.Get(profile.UserID).IsNull() {
			return &change.Rejection{Code: change.InvalidProfile,
				Description: "a new profile needs a signed user_id",
				Problems:    []change.Problem{{Pointer: profile.UserID.Pointer(), Rule: "required", Message: "a new profile needs a signed user_id"}}}, nil
		}
	}
	if violation := a.Rules.Check(m.before, m.after); violation != nil {
		return &change.Rejection{Code: change.InvalidPublisher, Description: violation.Error()}, nil
	}
	return a.verifySignatures(ctx, m.userID, m.after, m.changed)
}

// verifyDeletion asks for a user_id signed by a publisher who may create it:
// who can bring a person into being may end it.
func (a *Integration) verifyDeletion(ctx context.Context, m *merge) (*change.Rejection, error) {
	proof, err := deletionProof(m.after)
	if err != nil {
		return nil, err // Validate has made sure of it
	}
	if violation := a.Rules.Check(profile.Empty(), proof); violation != nil {
		return &change.Rejection{Code: change.InvalidPublisher, Description: violation.Error()}, nil
	}
	return a.verifySignatures(ctx, m.userID, proof, []profile.Path{profile.UserID})
}

func (a *Integration) verifySignatures(ctx context.Context, userID string, p *profile.Profile, paths []profile.Path) (*change.Rejection, error) {
	for _, path := range paths {
		err := a.Verifier.Verify(ctx, userID, path, p.Get(path))
		if invalid, ok := errors.AsType[*signing.Invalid](err); ok {
			return &change.Rejection{Code: change.InvalidSignature, Description: invalid.Error()}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// Stored is what Store did: an outcome for each change and the targets to be
// told; or Conflict when another change came in between and the set must be
// verified anew; or Rejections of what the vault cannot hold.
type Stored struct {
	Conflict   bool               `json:"conflict,omitempty"`
	Rejections []change.Rejection `json:"rejections,omitempty"`
	Outcomes   []change.Outcome   `json:"outcomes,omitempty"`
	Targets    []change.Target    `json:"targets,omitempty"`
}

// Store writes the merged profiles to the vault, but for those that the verdict
// rejects, each only while the vault still holds what the verdict was given on.
// Run again after a crash it finds in the change log what is stored already.
func (a *Integration) Store(ctx context.Context, set change.Set, verdict Verdict) (Stored, error) {
	merges, err := a.merge(ctx, set, verdict.Rejections)
	if err != nil {
		return Stored{}, err
	}
	now := a.Now()
	var writes []vault.Write
	stored := Stored{Outcomes: make([]change.Outcome, len(merges))}
	for i, m := range merges {
		if m == nil {
			continue
		}
		if m.applied == nil && m.stored.SequenceNumber != verdict.Read[i] {
			return Stored{Conflict: true}, nil
		}
		stored.Outcomes[i] = m.outcome(now)
		if m.applied != nil || m.condition == change.NoOp {
			continue
		}
		write, err := a.write(m, now)
		if err != nil {
			return Stored{}, err
		}
		if err := write.Validate(); err != nil {
			stored.Rejections = append(stored.Rejections, change.Rejection{
				Index: i, Code: change.InvalidProfile, Description: err.Error(),
			})
		}
		writes = append(writes, write)
	}
	if len(stored.Rejections) > 0 {
		return Stored{Rejections: stored.Rejections}, nil
	}
	if len(writes) > 0 {
		conflicts, err := a.Vault.Put(ctx, writes...)
		if errors.Is(err, vault.ErrInvalid) {
			return Stored{Rejections: []change.Rejection{{Code: change.InvalidProfile, Description: err.Error()}}}, nil
		}
		if err != nil {
			return Stored{}, fmt.Errorf("storing: %w", err)
		}
		if len(conflicts) > 0 {
			return Stored{Conflict: true}, nil
		}
	}
	stored.Targets = a.targets(stored.Outcomes)
	return stored, nil
}

// targets are those of any of the outcomes, in the order that Targets names
// them for the first.
func (a *Integration) targets(outcomes []change.Outcome) []change.Target {
	var targets []change.Target
	at := map[string]int{}
	for i, o := range outcomes {
		if o.Condition == change.NoOp || o.Condition == "" {
			continue
		}
		for _, name := range a.Targets(o.Condition) {
			if _, ok := at[name]; !ok {
				at[name] = len(targets)
				targets = append(targets, change.Target{Name: name})
			}
			t := &targets[at[name]]
			t.Changes = append(t.Changes, i)
		}
	}
	return targets
}

// write finishes a merged profile with the attributes that CIS owns, signed;
// of a deletion it makes the tombstone.
func (a *Integration) write(m *merge, now time.Time) (vault.Write, error) {
	if m.deletion {
		return vault.Write{
			Record:    vault.Record{ID: m.userID, SequenceNumber: string(m.number), Revision: m.stored.Revision + 1},
			Read:      m.stored.SequenceNumber,
			Condition: string(m.condition),
			Digest:    m.digest,
		}, nil
	}
	finished, err := a.own(m, now)
	if err != nil {
		return vault.Write{}, err
	}
	return vault.Write{
		Record: vault.Record{
			ID:              m.userID,
			UUID:            finished.String(profile.UUID),
			PrimaryEmail:    finished.String(profile.PrimaryEmail),
			PrimaryUsername: finished.String(profile.PrimaryUsername),
			Active:          finished.Bool(profile.Active),
			Profile:         finished.JSON(),
			SequenceNumber:  string(m.number),
			Revision:        m.stored.Revision + 1,
		},
		Read:      m.stored.SequenceNumber,
		Condition: string(m.condition),
		Changed:   names(m.changed),
		Digest:    m.digest,
		Terms:     searchTerms(finished),
	}, nil
}

// searchTerms are what a profile can be found by. A value that is longer than
// the vault's keys cannot be asked for either.
func searchTerms(p *profile.Profile) []vault.Term {
	var terms []vault.Term
	for _, t := range p.Terms() {
		if len(t.Value) <= vault.MaxKey {
			terms = append(terms, vault.Term{Attribute: string(t.Attribute), Value: t.Value})
		}
	}
	return terms
}

// SearchTerms are what a stored profile can be found by, for vault.Reindex. One
// that cannot be read is found by nothing, and given to unreadable.
func SearchTerms(unreadable func(vault.Record)) func(vault.Record) []vault.Term {
	return func(r vault.Record) []vault.Term {
		p, err := profile.Parse(r.Profile)
		if err != nil {
			unreadable(r)
			return nil
		}
		return searchTerms(p)
	}
}

func (a *Integration) own(m *merge, now time.Time) (*profile.Profile, error) {
	p, err := m.after, error(nil)
	toSign := []profile.Path{profile.LastModified}
	if m.condition == change.Create {
		if p, err = profile.Initialise(p, a.Salt, now); err != nil {
			return nil, err
		}
		toSign = append(toSign, profile.UUID, profile.PrimaryUsername)
	}
	if m.has(profile.Active) && p.Get(profile.Active).Publisher() != profile.CIS {
		toSign = append(toSign, profile.Active)
	}
	if p, err = profile.Touch(p, now); err != nil {
		return nil, err
	}
	return a.Signer.Profile(p, toSign...)
}
