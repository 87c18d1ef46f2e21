// Package dynamo keeps the vault in two DynamoDB tables.
//
// # Tables
//
// <environment>-identity-vault is the original's table and is kept exactly as
// the original keeps it, an item a person, with our revision added. A vault
// that the original has filled is used as it is.
//
// <environment>-identity-vault-index is ours. Its key is index_key (a text, the
// partition) and index_position (bytes). Its partitions are:
//
//	person=ID                      the person's head, or tombstone
//	change=SEQUENCE NUMBER         an entry of the change log
//	people/SCOPE                   everybody, in the order of ids
//	term/SCOPE="ATTRIBUTE"=VALUE   who has a term
//	user_uuid=, primary_email=, …  who has this key
//	vault                          says that everybody has a head
//
// SCOPE is any, active or inactive: each list is one walk along one partition,
// so that a person who becomes active meanwhile is passed neither twice nor
// not at all. Texts that are too long for a key stand there as a hash.
//
// # Writes
//
// A head repeats what the record has but the profile, and names the index
// entries that are true of it. The record, its head and its entry in the change
// log are written by one transaction, each on condition that nobody else has
// written since: an acknowledged change is there whole, and one that a process
// left half-way is not there at all.
//
// The index entries that a change adds and removes are part of that transaction
// where it has room for them: it can have 100 items. Otherwise they are added
// before it and removed after it. A reader believes an entry only when the
// person's head names it, so that one which came too early, or was left behind
// by a process that died, costs a little and deceives nobody. To make sure that
// none is removed which a later change needs, every added entry is a new item
// with a token of its own, never added twice.
//
// # Reads
//
// All reads are consistent. The table's secondary indexes are not, and are
// asked only for people whom the original has written and who have no head
// yet: until "cis vault reindex" has made those, a search is refused
// (vault.ErrNotIndexed), a look-up by another key than the id asks both, and a
// list reads the whole table for each page. The original must have stopped
// writing by then: what it writes after a person has a head is seen by id, but
// not by what reads heads, until reindexing finds it or CIS writes that person.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"cis/vault"
)

const (
	// parallel is how many requests one call of a Store has under way at most.
	parallel = 16
	// requestTimeout ends an attempt that gets no answer.
	requestTimeout = 30 * time.Second
	// idleConnections are kept open between requests.
	idleConnections = 64
)

// Store is a vault in DynamoDB.
type Store struct {
	db          *dynamodb.Client
	http        *awshttp.BuildableClient
	main, index string // the tables' names
	closed      atomic.Bool

	// complete is set for good once everybody is known to have a head.
	complete atomic.Bool
	survey   survey
}

var _ vault.Store = (*Store)(nil)

// Open opens the vault of an environment, such as "production". config says
// where DynamoDB is (config.BaseEndpoint, if it is not Amazon's) and with which
// credentials. Both tables must exist: Init makes them.
func Open(ctx context.Context, config aws.Config, environment string) (*Store, error) {
	s := newStore(config, environment)
	err := s.Ping(ctx)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, fmt.Errorf("vault %s: one of its tables, or both, do not exist: \"cis vault check\" says which, \"cis vault init\" creates them", s.main)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(config aws.Config, environment string) *Store {
	client := awshttp.NewBuildableClient().WithTimeout(requestTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
	})
	main := environment + "-identity-vault"
	return &Store{
		db: dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
			o.HTTPClient, o.Retryer = client, newRetryer()
			o.Logger = logging.Nop{} // whatever matters comes as an error
		}),
		http: client, main: main, index: main + "-index",
		survey: survey{busy: make(chan struct{}, 1)},
	}
}

// Ping reads from both tables.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return s.failed(ctx, "ping", err)
	}
	_, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		s.main:  {Keys: []item{{"id": text("nobody")}}},
		s.index: {Keys: []item{single(vaultPartition)}},
	}})
	return s.failed(ctx, "ping", err)
}

// Close implements vault.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.http.GetTransport().CloseIdleConnections()
	return nil
}

var errClosed = errors.New("it is closed")

// begin says why a call cannot even begin.
func (s *Store) begin(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	return ctx.Err()
}

// failed says where an error came from; nil stays nil. Whatever a call says
// whose context has ended, the context's own error replaces it.
func (s *Store) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("vault %s: %s: %w", s.main, doing, err)
}
