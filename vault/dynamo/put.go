package dynamo

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cis/vault"
)

// Put implements vault.Store. Each write is a transaction of its own.
func (s *Store) Put(ctx context.Context, writes ...vault.Write) (conflicts []int, err error) {
	for i, w := range writes {
		if err := validate(w); err != nil {
			return nil, fmt.Errorf("vault %s: put: write %d: %w", s.main, i, err)
		}
	}
	if err := s.begin(ctx); err != nil {
		return nil, s.failed(ctx, "put", err)
	}
	for start := 0; start < len(writes); {
		end := independent(writes, start)
		lost, err := s.putAtOnce(ctx, writes[start:end])
		if err != nil {
			return nil, s.failed(ctx, "put", err)
		}
		for _, i := range lost {
			conflicts = append(conflicts, start+i)
		}
		start = end
	}
	return conflicts, nil
}

// validate checks what DynamoDB could not keep, besides what no store could.
func validate(w vault.Write) error {
	if err := w.Validate(); err != nil {
		return err
	}
	if !utf8.Valid(w.Record.Profile) {
		return fmt.Errorf("%w: the profile is not UTF-8", vault.ErrInvalid)
	}
	if _, size := itemOf(w.Record); size > maxItem {
		return fmt.Errorf("%w: the profile of %d bytes makes an item of %d bytes, and DynamoDB holds at most %d: take something out of the profile",
			vault.ErrInvalid, len(w.Record.Profile), size, maxItem)
	}
	h, _, _ := headOf(w.Record, w.Terms, nil, newToken())
	if size := sizeOf(h.item()); size > maxItem {
		return fmt.Errorf("%w: the person's %d search terms make an item of %d bytes, and DynamoDB holds at most %d: take groups out of the profile",
			vault.ErrInvalid, len(w.Terms), size, maxItem)
	}
	if size := sizeOf(changeOf(w)); size > maxItem {
		return fmt.Errorf("%w: the change log's entry has %d bytes, and DynamoDB holds at most %d", vault.ErrInvalid, size, maxItem)
	}
	return nil
}

// independent returns where the writes end that can be made at once, beginning
// with start: before one that has a person or a sequence number in common with
// an earlier one.
func independent(writes []vault.Write, start int) (end int) {
	people, numbers := map[string]bool{}, map[string]bool{}
	for end = start; end < len(writes); end++ {
		r := writes[end].Record
		if people[r.ID] || numbers[r.SequenceNumber] {
			break
		}
		people[r.ID], numbers[r.SequenceNumber] = true, true
	}
	return end
}

// putAtOnce makes independent writes, and returns the indexes of those that
// have lost.
func (s *Store) putAtOnce(ctx context.Context, writes []vault.Write) (lost []int, err error) {
	ids, indexes := make([]string, len(writes)), make([]int, len(writes))
	for i, w := range writes {
		ids[i], indexes[i] = w.Record.ID, i
	}
	heads, err := s.heads(ctx, ids)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(writes))
	err = each(ctx, indexes, func(ctx context.Context, i int) (err error) {
		outcomes[i], err = s.putOne(ctx, writes[i], heads[ids[i]])
		return err
	})
	for i, o := range outcomes {
		if o == lostRace {
			lost = append(lost, i)
		}
	}
	return lost, err
}

// outcome is what became of an attempt to store a write.
type outcome int

const (
	stored outcome = iota
	lostRace
	overtaken // somebody else has changed the head; the write may still win
)

// putOne stores a write of a person who has this head, nil for none.
func (s *Store) putOne(ctx context.Context, w vault.Write, old *head) (outcome, error) {
	for {
		if lost, err := s.lost(ctx, w, old); err != nil || lost {
			return lostRace, err
		}
		o, err := s.commit(ctx, w, old)
		if err != nil || o != overtaken {
			return o, err
		}
		heads, err := s.heads(ctx, []string{w.Record.ID})
		if err != nil {
			return 0, err
		}
		old = heads[w.Record.ID]
	}
}

// lost tells, as far as can be seen beforehand, that a write has lost. Where a
// head is not of the state that the write was made from, the original may have
// written after it: then it is the record that counts.
func (s *Store) lost(ctx context.Context, w vault.Write, old *head) (bool, error) {
	switch {
	case old == nil:
		return false, nil
	case old.SequenceNumber == w.Read:
		return old.deleted && w.Condition == "delete", nil
	case old.deleted && w.Read == "":
		return true, nil
	}
	out, err := s.readItems(ctx, s.main, []item{mainKey(w.Record.ID)}, "sequence_number")
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return w.Read != "", nil
	}
	return textIn(out[0], "sequence_number") != w.Read, nil
}

// The actions of commit's transaction that have conditions, by index.
const (
	actionRecord = iota
	actionChange
	actionHead
)

// commit stores a write, with its entry in the change log and its index entries,
// while the head is what old is.
func (s *Store) commit(ctx context.Context, w vault.Write, old *head) (outcome, error) {
	r := w.Record
	h, added, removed := headOf(r, w.Terms, old, newToken())
	newHead := putIf(s.index, h.item(), absent(attrPartition))
	if old != nil {
		newHead = putIf(s.index, h.item(), unchanged(old.SequenceNumber))
	}
	actions := []types.TransactWriteItem{
		actionRecord: s.recordAction(w, old),
		actionChange: putIf(s.index, changeOf(w), absent(attrPartition)),
		actionHead:   newHead,
	}
	if room := maxActions - len(actions); len(added)+len(removed) <= room {
		for _, e := range added {
			actions = append(actions, putIf(s.index, e.item(), condition{}))
		}
		for _, e := range removed {
			actions = append(actions, deleteIf(s.index, e.key(), condition{}))
		}
		added, removed = nil, nil
	}
	if err := s.writeItems(ctx, additions(added)); err != nil {
		return 0, err
	}
	refused, err := s.transact(ctx, actions)
	if err != nil {
		return 0, err // the entries stay: they may be true
	}
	o, useless := stored, removed
	switch {
	case slices.Contains(refused, actionRecord), slices.Contains(refused, actionChange):
		o, useless = lostRace, added
	case len(refused) > 0:
		o, useless = overtaken, added
	}
	// No reader believes them, so that it is no failure when they stay.
	_ = s.writeItems(ctx, removals(useless))
	return o, nil
}

// recordAction is what a write does in the original's table.
func (s *Store) recordAction(w vault.Write, old *head) types.TransactWriteItem {
	c := unchanged(w.Read)
	if w.Read == "" || old != nil && old.deleted && old.SequenceNumber == w.Read {
		c = absent("id")
	}
	if w.Record.Deleted() {
		return deleteIf(s.main, mainKey(w.Record.ID), c)
	}
	i, _ := itemOf(w.Record)
	return putIf(s.main, i, c)
}

// changeOf returns a write's entry in the change log.
func changeOf(w vault.Write) item {
	i := single(changePartition(w.Record.SequenceNumber))
	i["sequence_number"], i["id"] = text(w.Record.SequenceNumber), text(w.Record.ID)
	i["revision"], i["condition"], i["digest"] = number(w.Record.Revision), text(w.Condition), text(w.Digest)
	changed := []types.AttributeValue{}
	for _, name := range w.Changed {
		changed = append(changed, text(name))
	}
	i["changed"] = list(changed)
	return i
}

func changeIn(i item) vault.Applied {
	a := vault.Applied{
		SequenceNumber: textIn(i, "sequence_number"), ID: textIn(i, "id"), Revision: numberIn(i, "revision"),
		Condition: textIn(i, "condition"), Digest: textIn(i, "digest"),
	}
	if changed, ok := i["changed"].(*types.AttributeValueMemberL); ok {
		for _, name := range changed.Value {
			a.Changed = append(a.Changed, textIn(item{"": name}, ""))
		}
	}
	return a
}
