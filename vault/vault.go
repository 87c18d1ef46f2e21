// Package vault keeps one profile a person.
//
// Store is the contract that every driver fulfils; drivers live in folders of
// their own (vault/sqlite) and prove themselves with vaulttest.Run.
package vault

import (
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

// Record is a person's profile as the vault holds it. The fields beside
// Profile repeat what is in it, for look-ups.
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

// Write is a record to be stored, and the state it was derived from.
type Write struct {
	Record Record
	// Read is the sequence number of the record that Record was made from,
	// empty when there was none. The write happens only while that still is
	// what the vault holds.
	Read string
	// Condition is "create" or "update", and Changed names the attributes that
	// the change replaced; the change log keeps both.
	Condition string
	Changed   []string
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
	case len(r.Profile) == 0:
		return fmt.Errorf("%w: the record has no profile", ErrInvalid)
	case r.Revision < 0:
		return fmt.Errorf("%w: the record's revision is negative", ErrInvalid)
	case w.Condition != "create" && w.Condition != "update":
		return fmt.Errorf("%w: the condition is neither create nor update", ErrInvalid)
	}
	for _, field := range []struct{ name, value string }{
		{"id", r.ID},
		{"sequence number", r.SequenceNumber},
		{"uuid", r.UUID},
		{"primary email", r.PrimaryEmail},
		{"primary username", r.PrimaryUsername},
	} {
		if len(field.value) > MaxKey {
			return fmt.Errorf("%w: the record's %s is longer than %d bytes", ErrInvalid, field.name, MaxKey)
		}
		if !utf8.ValidString(field.value) {
			return fmt.Errorf("%w: the record's %s is not UTF-8", ErrInvalid, field.name)
		}
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
}

// Key names a look-up other than by user_id.
type Key string

// The keys that Find takes.
const (
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
	// Get returns the records with these ids, by id; an id without a record
	// is simply not in the result, and one that is asked for twice is there
	// once. There may be thousands of ids.
	Get(ctx context.Context, ids ...string) (map[string]Record, error)

	// Find returns the record that has this value under key. Where several
	// people share a value it is always the same one: an active one before an
	// inactive one, then the smallest id. ErrNotFound if there is none; the
	// empty value finds nobody. ErrInvalid for a key that does not exist.
	Find(ctx context.Context, key Key, value string) (Record, error)

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
