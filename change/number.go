package change

import (
	"crypto/sha256"
	"fmt"
	"math/big"

	"github.com/google/uuid"
)

// Number is a sequence number: a 128-bit number as decimal digits. That of a
// new change set is a UUIDv7, so numbers grow with time.
//
// The changes of a set are numbered on from the set's own number, whose lowest
// bits are zero: each change has a number of its own, and from any of them the
// set's is found.
type Number string

// MaxSetSize is how many changes a set can hold: as many people as a search
// attribute of Temporal can name, in 2 KB.
const MaxSetSize = 50

const (
	setBits = 6
	setSpan = 1 << setBits
)

// NewNumber returns the number of a new change set.
func NewNumber() (Number, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("sequence number: %w", err)
	}
	return setNumber(id), nil
}

// KeyedNumber returns the number of the change set that a client submits under
// an idempotency key: the same client and key always give the same number. It
// is a UUIDv8 (RFC 9562), which no UUIDv7 can equal.
func KeyedNumber(client, key string) Number {
	var id uuid.UUID
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(client), client, key))
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return setNumber(id)
}

func setNumber(id uuid.UUID) Number {
	id[15] &^= setSpan - 1
	return Number(new(big.Int).SetBytes(id[:]).String())
}

// At returns the number of the i-th change of the set.
func (n Number) At(i int) Number {
	v := n.int()
	return Number(v.Add(v, big.NewInt(int64(i))).String())
}

// Set returns the number of the set that the change belongs to.
func (n Number) Set() Number {
	v := n.int()
	return Number(v.Lsh(v.Rsh(v, setBits), setBits).String())
}

// Index is which of its set's changes the number is that of.
func (n Number) Index() int {
	v := n.int()
	return int(v.And(v, big.NewInt(setSpan-1)).Int64())
}

func (n Number) int() *big.Int {
	v, ok := new(big.Int).SetString(string(n), 10)
	if !ok {
		return new(big.Int)
	}
	return v
}

// maxDigits is how many digits a number of 128 bits has at most.
const maxDigits = 39

// ParseNumber reads a sequence number, ours or the original's (a random UUID
// in decimal).
func ParseNumber(s string) (Number, error) {
	v, ok := new(big.Int), false
	if len(s) <= maxDigits { // a million would take seconds to read
		v, ok = v.SetString(s, 10)
	}
	if !ok || v.Sign() < 0 || v.BitLen() > 128 || v.String() != s {
		return "", fmt.Errorf("%.50q is not a sequence number: it must be a number of at most 128 bits in decimal digits", s)
	}
	return Number(s), nil
}
