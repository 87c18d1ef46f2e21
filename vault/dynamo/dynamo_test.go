package dynamo

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cis/internal/dynamolocal"
	"cis/vault"
	"cis/vault/vaulttest"
)

func TestMain(m *testing.M) { os.Exit(dynamolocal.Run(m)) }

func TestContract(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) vault.Store {
		return newVault(t)
	}, func(t *testing.T, s vault.Store) {
		unindex(t, s.(*Store))
	})
}

// newVault makes the tables of a new environment and opens them.
func newVault(t testing.TB) *Store {
	t.Helper()
	config, environment := newEnvironment(t)
	created, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	require.Len(t, created, 2)
	return open(t, config, environment)
}

// newEnvironment names an environment that has no tables yet; what it has at
// the end of the test is deleted.
func newEnvironment(t testing.TB) (aws.Config, string) {
	config, environment := dynamolocal.Config(t), "test-"+strings.ToLower(rand.Text())
	t.Cleanup(func() {
		s := newStore(config, environment)
		for _, table := range []string{s.main, s.index} {
			_, _ = s.db.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table})
		}
	})
	return config, environment
}

func open(t testing.TB, config aws.Config, environment string) *Store {
	t.Helper()
	s, err := Open(context.Background(), config, environment)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// unindex takes everything out of our table but the change log and the
// tombstones, and makes a store forget what it knew.
func unindex(t testing.TB, s *Store) {
	t.Helper()
	var requests []types.WriteRequest
	for _, i := range items(t, s, s.index) {
		if strings.HasPrefix(textIn(i, attrPartition), "change") || flagIn(i, attrDeleted) {
			continue
		}
		requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{
			Key: item{attrPartition: i[attrPartition], attrPosition: i[attrPosition]},
		}})
	}
	require.NoError(t, s.writeItems(context.Background(), requests))
	s.complete.Store(false)
	s.survey = survey{busy: make(chan struct{}, 1)}
}

// items reads all items of a table.
func items(t testing.TB, s *Store, table string) (all []item) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		require.NoError(t, err)
		all = append(all, page.Items...)
	}
	return all
}
