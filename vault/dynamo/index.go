package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"cis/vault"
)

// The attributes that only our table's items have.
const (
	attrPartition = "index_key"
	attrPosition  = "index_position"
	attrToken     = "token"
	attrDeleted   = "deleted"
	attrEntries   = "entries"
	attrComplete  = "complete"
)

// scope is which people a partition of the index has.
type scope string

const (
	scopeAny      scope = "any"
	scopeActive   scope = "active"
	scopeInactive scope = "inactive"
)

func scopeOf(active bool) scope {
	if active {
		return scopeActive
	}
	return scopeInactive
}

var scopes = map[vault.Activity]scope{
	vault.ActiveOnly: scopeActive, vault.InactiveOnly: scopeInactive, vault.AnyActivity: scopeAny,
}

// vaultPartition is that of the item which says that everybody has a head.
const vaultPartition = "vault"

func personPartition(id string) string       { return partition("person", id) }
func changePartition(number string) string   { return partition("change", number) }
func keyPartition(name, value string) string { return partition(name, value) }
func peoplePartition(s scope) string         { return "people/" + string(s) }
func termPartition(s scope, t vault.Term) string {
	return partition("term/"+string(s), strconv.Quote(t.Attribute)+"="+t.Value)
}

// longestText is how much of a text stands in a partition's name.
const longestText = 1024

// partition names the partition of a text, which stands there as its SHA-256
// where it is too long: DynamoDB allows 2048 bytes in all.
func partition(kind, of string) string {
	if len(of) > longestText {
		hash := sha256.Sum256([]byte(of))
		return kind + "#" + hex.EncodeToString(hash[:])
	}
	return kind + "=" + of
}

// single is the key of the only item of a partition.
func single(partition string) item {
	return item{attrPartition: text(partition), attrPosition: raw([]byte{0})}
}

// entriesOf returns the partitions that a person is to be in.
func entriesOf(r vault.Record, terms []vault.Term) map[string]bool {
	entries := map[string]bool{}
	for _, s := range []scope{scopeAny, scopeOf(r.Active)} {
		entries[peoplePartition(s)] = true
		for _, t := range terms {
			entries[termPartition(s, t)] = true
		}
	}
	for name, value := range map[string]string{attrUUID: r.UUID, attrEmail: r.PrimaryEmail, attrUsername: r.PrimaryUsername} {
		if value != "" {
			entries[keyPartition(name, value)] = true
		}
	}
	return entries
}

// head is what the index knows of a person.
type head struct {
	vault.Record // without its profile; a tombstone for who was deleted
	deleted      bool
	entries      map[string]string // the partitions that the person is in, with the token of the entry there
}

// sequence is the sequence number of a head, "" of none.
func (h *head) sequence() string {
	if h == nil {
		return ""
	}
	return h.SequenceNumber
}

// tokens returns a head's entries, none of no head.
func (h *head) tokens() map[string]string {
	if h == nil {
		return nil
	}
	return h.entries
}

// has tells whether a person has a term.
func (h *head) has(t vault.Term) bool {
	_, ok := h.entries[termPartition(scopeAny, t)]
	return ok
}

// tokenSize is how long a token is, as text.
const tokenSize = 16

// headOf returns the head of a record: the entries that it shares with the old
// one keep their tokens, and added and removed say what else is to be done.
func headOf(r vault.Record, terms []vault.Term, old *head, token string) (h *head, added, removed []entry) {
	h = &head{Record: r, deleted: r.Deleted(), entries: map[string]string{}}
	h.Profile = nil
	if !h.deleted {
		for p := range entriesOf(r, terms) {
			h.entries[p] = token
			if t, ok := old.tokens()[p]; ok {
				h.entries[p] = t
			} else {
				added = append(added, entry{p, r.ID, token})
			}
		}
	}
	for p, t := range old.tokens() {
		if _, ok := h.entries[p]; !ok {
			removed = append(removed, entry{p, r.ID, t})
		}
	}
	return h, added, removed
}

// item returns the head's item.
func (h *head) item() item {
	i := single(personPartition(h.ID))
	i["id"], i["sequence_number"], i["revision"] = text(h.ID), text(h.SequenceNumber), number(h.Revision)
	if h.deleted {
		i[attrDeleted] = flag(true)
		return i
	}
	addKeys(i, h.UUID, h.PrimaryEmail, h.PrimaryUsername)
	entries := item{}
	for p, t := range h.entries {
		entries[p] = text(t)
	}
	i["active"], i[attrEntries] = flag(h.Active), object(entries)
	return i
}

func headIn(i item) *head {
	h := &head{Record: recordOf(i), deleted: flagIn(i, attrDeleted), entries: map[string]string{}}
	h.Profile = nil
	entries := objectIn(i, attrEntries)
	for p := range entries {
		h.entries[p] = textIn(entries, p)
	}
	return h
}

// entry says that a person is in a partition of the index. It is true while
// the person's head has the same token for that partition.
type entry struct{ partition, id, token string }

// position orders a partition's entries by the ids' bytes; those of the same
// person differ by their tokens.
func (e entry) position() []byte {
	return append(positionOf(e.id), e.token...)
}

func (e entry) key() item {
	return item{attrPartition: text(e.partition), attrPosition: raw(e.position())}
}

func (e entry) item() item {
	i := e.key()
	i["id"], i[attrToken] = text(e.id), text(e.token)
	return i
}

func entryIn(i item) entry {
	return entry{textIn(i, attrPartition), textIn(i, "id"), textIn(i, attrToken)}
}
