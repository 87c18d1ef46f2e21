package vault

import (
	"cmp"
	"context"
	"fmt"
)

// Activity selects people by whether they are active.
type Activity int

// The zero Activity is that of a query which does not say: active people.
const (
	ActiveOnly Activity = iota
	InactiveOnly
	AnyActivity
)

// Query selects people. Its parts are all to hold.
type Query struct {
	// Prefix is what the ids begin with.
	Prefix string
	// After is the id that a page begins after, whether it exists or not.
	After    string
	Activity Activity
	// With are terms that people must have, Without those that they must not.
	With, Without []Term
	// Limit is the most that is returned, 1 to MaxLimit.
	Limit int
}

// MaxLimit is the most that one List returns.
const MaxLimit = 10_000

// Validate checks what no store could answer, as ErrInvalid.
func (q Query) Validate() error {
	switch {
	case q.Limit < 1 || q.Limit > MaxLimit:
		return fmt.Errorf("%w: the limit must be from 1 to %d", ErrInvalid, MaxLimit)
	case q.Activity < ActiveOnly || q.Activity > AnyActivity:
		return fmt.Errorf("%w: there is no such activity", ErrInvalid)
	}
	return cmp.Or(validKey("the prefix", q.Prefix), validKey("the position", q.After),
		validTerms(q.With), validTerms(q.Without))
}

// Listed is a person in a list.
type Listed struct {
	ID, UUID, PrimaryEmail string
	Active                 bool
}

// reindexPage is how many records Reindex reads at a time.
const reindexPage = 100

// Reindex makes the index entries of every record that has none, as terms
// derives them. It may be stopped at any time and goes on where it was when it
// is called again; the vault can be read and written meanwhile. After each
// step it tells how many records of those that had none are done.
func Reindex(ctx context.Context, s Store, terms func(Record) []Term, progress func(done, total int)) error {
	for done := 0; ; {
		records, left, err := s.Unindexed(ctx, reindexPage)
		if err != nil {
			return err
		}
		progress(done, done+left)
		if len(records) == 0 {
			return nil
		}
		indexed := make([]Indexed, len(records))
		for i, r := range records {
			indexed[i] = Indexed{r, terms(r)}
		}
		if err := s.Index(ctx, indexed...); err != nil {
			return err
		}
		done += len(records)
	}
}
