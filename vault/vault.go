// Package vault keeps one profile a person.
//
// Store is the contract that every driver fulfils; drivers live in folders of
// their own (vault/sqlite) and prove themselves with vaulttest.Run.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrNotFound says that no record has the id or key that was asked for.
var ErrNotFound = errors.New("no such profile in the vault")

// ErrInvalid says that the call itself is wrong, so that trying it again
// cannot help. What was wrong is in the error's text, without any value.
var ErrInvalid = errors.New("invalid call to the vault")

// MaxKey is how many bytes an id, a look-up key or a sequence number may have.
const MaxKey = 2048

// ErrNotIndexed says that people cannot be searched yet: some records came
// without index entries (from an older version or the original system), and
// Reindex has not made them.
var ErrNotIndexed = errors.New("the vault's search index is not complete: run \"cis vault reindex\"")

// Record is a person's profile as the vault holds it. The fields beside
// Profile repeat what is in it, for look-ups.
//
// Of a person who was deleted the vault keeps a tombstone: a record that has
// only its id, sequence number and revision. A later profile of the same person
// is made from it, so that revisions go on growing.
type Record struct {
	// ID is the person's user_id, such as "ad|Mozilla-LDAP|jdoe": never empty,
	// UTF-8, at most MaxKey bytes, as the other keys are.
	ID string
	// UUID, PrimaryEmail and PrimaryUsername are the other keys that a person
	// can be found by; the last two may be shared or empty.
	UUID, PrimaryEmail, PrimaryUsername string
	// Active repeats the profile's active attribute; null counts as false.
	Active bool
	// Profile is the whole profile v2 as JSON, kept byte for byte. Every store
	// keeps 256 KiB; one that cannot keep a larger profile refuses it as
	// ErrInvalid.
	Profile []byte
	// SequenceNumber is that of the change that wrote the record, never empty.
	SequenceNumber string
	// Revision grows by one with each stored change. The first is 1; a record
	// that the original system wrote has 0.
	Revision int64
}

// Deleted tells a tombstone.
func (r Record) Deleted() bool { return len(r.Profile) == 0 }

// Version names what a record was at one time: records of the same version are
// the same. The zero Version is none's.
type Version struct{ ID, SequenceNumber string }

// Version returns the record's version.
func (r Record) Version() Version { return Version{r.ID, r.SequenceNumber} }

// Term is an entry of the search index: the person has this value in that
// attribute (a text, "true" or "false", or the name of one of its values).
type Term struct{ Attribute, Value string }

// Indexed is a record with the terms that it is to be found by.
type Indexed struct {
	Record Record
	Terms  []Term
}

// Write is a record to be stored, and the state it was derived from.
type Write struct {
	Record Record
	// Read is the sequence number of the record that Record was made from,
	// empty when there was none. The write happens only while that still is
	// what the vault holds.
	Read string
	// Condition is "create", "update" or "delete", and Changed names the
	// attributes that the change replaced; the change log keeps both. What a
	// "delete" writes is a tombstone.
	Condition string
	Changed   []string
	// Digest identifies the request that the change came with; the change log
	// keeps it.
	Digest string
	// Terms are what the person is found by in List.
	Terms []Term
}

// Validate checks what no store could keep. Its error is an ErrInvalid, and
// every driver's Put makes it before it writes anything.
func (w Write) Validate() error {
	r := w.Record
	switch {
	case r.ID == "":
		return fmt.Errorf("%w: the record has no id", ErrInvalid)
	case r.SequenceNumber == "":
		return fmt.Errorf("%w: the record has no sequence number", ErrInvalid)
	case r.Revision < 0:
		return fmt.Errorf("%w: the record's revision is negative", ErrInvalid)
	case w.Condition != "create" && w.Condition != "update" && w.Condition != "delete":
		return fmt.Errorf("%w: the condition is none of create, update and delete", ErrInvalid)
	case r.Deleted() && w.Condition != "delete":
		return fmt.Errorf("%w: the record has no profile", ErrInvalid)
	case w.Condition == "delete" && !w.isTombstone():
		return fmt.Errorf("%w: a deletion must write a tombstone over a record", ErrInvalid)
	}
	for _, field := range []struct{ name, value string }{
		{"id", r.ID},
		{"sequence number", r.SequenceNumber},
		{"uuid", r.UUID},
		{"primary email", r.PrimaryEmail},
		{"primary username", r.PrimaryUsername},
	} {
		if err := validKey("the record's "+field.name, field.value); err != nil {
			return err
		}
	}
	return validTerms(w.Terms)
}

func (w Write) isTombstone() bool {
	r := w.Record
	return w.Read != "" && r.Deleted() && r.UUID+r.PrimaryEmail+r.PrimaryUsername == "" && !r.Active && len(w.Terms) == 0
}

func validTerms(terms []Term) error {
	for _, t := range terms {
		if t.Attribute == "" {
			return fmt.Errorf("%w: a term has no attribute", ErrInvalid)
		}
		if err := cmp.Or(validKey("a term's attribute", t.Attribute), validKey("a term's value", t.Value)); err != nil {
			return err
		}
	}
	return nil
}

func validKey(name, value string) error {
	if len(value) > MaxKey {
		return fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalid, name, MaxKey)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, name)
	}
	return nil
}

// Applied is an entry of the change log: the proof that the change with this
// sequence number was stored, kept also after later changes of the same person.
type Applied struct {
	SequenceNumber string
	ID             string
	Revision       int64
	Condition      string
	Changed        []string
	Digest         string // empty in entries of older versions
}

// Key names what a person is looked up by.
type Key string

// The keys that Find takes.
const (
	KeyUserID          Key = "user_id"
	KeyUUID            Key = "uuid"
	KeyPrimaryEmail    Key = "primary_email"
	KeyPrimaryUsername Key = "primary_username"
)

// Store keeps records.
//
// All methods are safe for concurrent use. Strings are compared byte by byte.
// A read sees every write that was acknowledged before it began, and a record
// as one write left it, never half of one and half of another. What is handed
// in or out belongs to the caller, who may change it afterwards.
//
// An error that is none of this package's means that the store could not be
// reached or failed, so that the call is worth trying again; after its context
// has ended, a call's error is the context's. After Close every call fails.
type Store interface {
	// Get returns the records with these ids, by id, tombstones too; an id
	// without a record is simply not in the result, and one that is asked for
	// twice is there once. There may be thousands of ids.
	Get(ctx context.Context, ids ...string) (map[string]Record, error)

	// Find returns the record that has this value under key. Where several
	// people share a value it is always the same one: an active one before an
	// inactive one, then the smallest id. ErrNotFound if there is none; the
	// empty value finds nobody. ErrInvalid for a key that does not exist.
	//
	// A record that still has the version known comes without its Profile, which
	// is most of what there is to read: the caller has kept what it made of it.
	Find(ctx context.Context, key Key, value string, known Version) (Record, error)

	// List returns the people whom the query selects, in the order of their
	// ids, byte by byte. It costs what it returns, not what the vault holds; a
	// query by several terms also costs whom it passes over: those whom the
	// rarest of With has and another term rules out. A driver of which that is
	// true of Without alone, too, says so. ErrInvalid for a query that
	// Validate refuses, ErrNotIndexed for one with terms while the index is not
	// complete.
	List(ctx context.Context, q Query) ([]Listed, error)

	// Unindexed returns up to limit of the records that have no index entries
	// yet, and how many there are in all.
	Unindexed(ctx context.Context, limit int) (records []Record, total int, err error)

	// Index makes the index entries of records that Unindexed returned, of all
	// of them or of none. One that was written since has its entries already:
	// with that one nothing happens.
	Index(ctx context.Context, records ...Indexed) error

	// Put stores each write whose Read still is the sequence number in the
	// vault, together with its entry in the change log, and returns the
	// indexes of the writes that lost that race, in order. Of a write that
	// lost nothing is stored, and it does not keep the others back.
	//
	// The writes are applied in order: one for the same person as an earlier
	// one of the call must have been made from that one (its Read is the
	// other's sequence number), or it has lost.
	//
	// A sequence number is stored once. A write whose number the change log
	// has already counts as lost, whoever it is for, so that a step that is
	// run again cannot apply its change twice: look into Applied before
	// starting over.
	//
	// ErrInvalid, with nothing stored, if one of the writes is not valid.
	// After any other error each of the writes may have been stored; Applied
	// tells which.
	Put(ctx context.Context, writes ...Write) (conflicts []int, err error)

	// Applied returns the change log's entries of these sequence numbers, by
	// sequence number; one that was never stored is not in the result.
	Applied(ctx context.Context, sequenceNumbers ...string) (map[string]Applied, error)

	// Ping tells whether the store can serve.
	Ping(ctx context.Context) error

	// Close releases what the store holds. It may be called again.
	Close() error
}
