package api

import (
	"crypto/sha256"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// provenToken is a token whose signature was verified.
type provenToken struct {
	by     *keySet   // the key set that has the key it was signed with
	until  time.Time // when it expires
	caller caller
}

// provenTokens remembers tokens whose signature was verified, since clients
// send the same one for hours and verifying it takes longer than a look-up.
// One counts only until it expires, and only while the issuer's key set is
// still the one that it was verified by.
//
// A token is known by the hash of the Authorization header that it came in.
type provenTokens struct {
	once  sync.Once
	known *lru.Cache[[sha256.Size]byte, *provenToken]
}

// maxProven bounds how many tokens are remembered.
const maxProven = 1_000

func (p *provenTokens) cache() *lru.Cache[[sha256.Size]byte, *provenToken] {
	p.once.Do(func() {
		known, err := lru.New[[sha256.Size]byte, *provenToken](maxProven)
		if err != nil {
			panic(err) // only for a size below 1
		}
		p.known = known
	})
	return p.known
}

// find returns who sent a header's token, if that was verified by the current
// key set and has not expired.
func (p *provenTokens) find(header string, current *keySet, now time.Time) (who caller, ok bool) {
	token, ok := p.cache().Get(sha256.Sum256([]byte(header)))
	if !ok || token.by != current || !now.Before(token.until) {
		return caller{}, false
	}
	return token.caller, true
}

func (p *provenTokens) add(header string, token *provenToken) {
	p.cache().Add(sha256.Sum256([]byte(header)), token)
}
