package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cis/change"
	"cis/profile"
	"cis/vault"
)

// merge is one change laid over what the vault holds of the person.
type merge struct {
	number    change.Number
	digest    string // of the request
	userID    string
	deletion  bool
	stored    vault.Record // zero for a new person, a tombstone for one that was deleted
	applied   *vault.Applied
	condition change.Condition
	before    *profile.Profile // the empty profile for a new person
	after     *profile.Profile // of a deletion: what it was asked for with
	changed   []profile.Path
}

func (m *merge) has(path profile.Path) bool { return slices.Contains(m.changed, path) }

// reused refuses a change whose sequence number the change log has from another
// request: a client has used an idempotency key again, long after Temporal has
// forgotten the first time.
func (m *merge) reused() *change.Rejection {
	if m.applied.ID == m.userID && (m.applied.Digest == m.digest || m.applied.Digest == "") {
		return nil
	}
	return &change.Rejection{Code: change.KeyReused, Description: "the idempotency key was used before, for another content"}
}

func (m *merge) outcome(now time.Time) change.Outcome {
	if m.applied != nil {
		// Stored by an attempt that did not live to tell.
		return change.Outcome{Number: m.number, Condition: change.Condition(m.applied.Condition),
			Revision: m.applied.Revision, Changed: m.applied.Changed, Time: now.Unix()}
	}
	if m.condition == change.NoOp {
		return change.Outcome{Number: m.number, Condition: change.NoOp}
	}
	return change.Outcome{Number: m.number, Condition: m.condition,
		Revision: m.stored.Revision + 1, Changed: names(m.changed), Time: now.Unix()}
}

func names(paths []profile.Path) []string {
	var names []string
	for _, p := range paths {
		names = append(names, string(p))
	}
	return names
}

// merge reads what the vault holds of the set's people and lays each change
// over it, but for those that were rejected: they are nil.
func (a *Integration) merge(ctx context.Context, set change.Set, rejected []change.Rejection) ([]*merge, error) {
	ids, numbers := make([]string, len(set.Changes)), make([]string, len(set.Changes))
	for i, c := range set.Changes {
		ids[i], numbers[i] = c.UserID, string(set.Number.At(i))
	}
	records, err := a.Vault.Get(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("reading the vault: %w", err)
	}
	applied, err := a.Vault.Applied(ctx, numbers...)
	if err != nil {
		return nil, fmt.Errorf("reading the change log: %w", err)
	}
	merges := make([]*merge, len(set.Changes))
	for i, c := range set.Changes {
		if slices.ContainsFunc(rejected, func(r change.Rejection) bool { return r.Index == i }) {
			continue
		}
		m, err := mergeOne(records, c)
		if err != nil {
			return nil, err
		}
		m.number, m.digest = change.Number(numbers[i]), set.Digest
		if entry, ok := applied[numbers[i]]; ok {
			m.applied = &entry
		}
		merges[i] = m
	}
	return merges, nil
}

func mergeOne(records map[string]vault.Record, c change.Submitted) (*merge, error) {
	incoming, err := profile.Parse(c.Profile)
	if err != nil {
		return nil, err // Validate has parsed it
	}
	m := &merge{userID: c.UserID, deletion: c.Delete, stored: records[c.UserID], before: profile.Empty(), condition: change.Create}
	if c.Delete {
		m.after, m.condition = incoming, change.Delete
		if m.stored.Deleted() {
			m.condition = change.NoOp
		}
		return m, nil
	}
	if !m.stored.Deleted() {
		m.condition = change.Update
		if m.before, err = profile.Parse(m.stored.Profile); err != nil {
			return nil, fmt.Errorf("the stored profile cannot be read: %w", err)
		}
	}
	m.after, m.changed = profile.Merge(m.before, incoming)
	if len(m.changed) == 0 && m.condition == change.Update {
		m.condition = change.NoOp
	}
	return m, nil
}
