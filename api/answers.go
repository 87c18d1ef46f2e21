package api

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"cis/profile"
	"cis/vault"
)

// answers keeps what look-ups were answered with last, because reading a
// profile and leaving out what the caller may not see is most of the work. With
// every look-up the vault tells whether the record still is what the answer was
// made from: none outlives it.
type answers struct {
	mu   sync.Mutex
	kept *simplelru.LRU[question, shown]
	size int // of all bodies, in bytes
	max  int // that size may be
}

// question is what an answer depends on besides the record.
type question struct {
	key   vault.Key
	value string
	scope string          // of the caller's token
	level profile.Display // that the query narrows to
}

// shown is an answer: a record of this version as a caller may see it, and its
// ETag.
type shown struct {
	version vault.Version
	body    []byte
	tag     string
}

// newAnswers keeps bodies of so many bytes in all.
func newAnswers(max int) *answers {
	a := &answers{max: max}
	kept, err := simplelru.NewLRU(math.MaxInt, func(_ question, gone shown) { a.size -= len(gone.body) })
	if err != nil {
		panic(err) // only for a size below 1
	}
	a.kept = kept
	return a
}

// find returns the answer that is kept, the zero one if there is none.
func (a *answers) find(q question) shown {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, _ := a.kept.Get(q)
	return kept
}

func (a *answers) keep(q question, s shown) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept.Remove(q) // or its size would stay counted
	a.kept.Add(q, s)
	for a.size += len(s.body); a.size > a.max; {
		a.kept.RemoveOldest()
	}
}
