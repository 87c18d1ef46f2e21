package dynamo

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func TestTablesThatInitMadeHaveNoDifferences(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	config, environment := newEnvironment(t)
	differences, err := Check(ctx, config, environment)
	require.NoError(t, err)
	require.Equal(t, []string{
		"table " + environment + `-identity-vault does not exist: run "cis vault init"`,
		"table " + environment + `-identity-vault-index does not exist: run "cis vault init"`,
	}, differences)
	_, err = Open(ctx, config, environment)
	require.ErrorContains(t, err, `"cis vault init" creates them`)

	created, err := Init(ctx, config, environment)
	require.NoError(t, err)
	require.Equal(t, []string{environment + "-identity-vault", environment + "-identity-vault-index"}, created)
	created, err = Init(ctx, config, environment)
	require.NoError(t, err)
	require.Empty(t, created)
	differences, err = Check(ctx, config, environment)
	require.NoError(t, err)
	require.Empty(t, differences)
}

func TestEveryDifferenceOfATableIsNamed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	config, environment := newEnvironment(t)
	s := newStore(config, environment)
	defer s.Close()
	wrong := s.tables()[0]
	throughput := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)}
	wrong.BillingMode, wrong.ProvisionedThroughput = types.BillingModeProvisioned, throughput
	wrong.StreamSpecification = nil
	indexes := wrong.GlobalSecondaryIndexes[:3] // user_uuid's is missing
	indexes[0].IndexName = aws.String("sequence")
	indexes[1].Projection.ProjectionType = types.ProjectionTypeKeysOnly
	indexes[2].KeySchema = indexes[2].KeySchema[:1]
	for i := range indexes {
		indexes[i].ProvisionedThroughput = throughput
	}
	wrong.GlobalSecondaryIndexes, wrong.AttributeDefinitions = indexes, wrong.AttributeDefinitions[:4]
	_, err := s.create(ctx, wrong)
	require.NoError(t, err)

	differences, err := Check(ctx, config, environment)
	require.NoError(t, err)
	table := "table " + s.main
	require.Equal(t, []string{
		table + ": billing mode is PROVISIONED, and must be PAY_PER_REQUEST",
		table + ": index " + s.main + "-primary_email is HASH primary_email (S), RANGE id (S), projecting KEYS_ONLY, ACTIVE, and must be HASH primary_email (S), RANGE id (S), projecting ALL, ACTIVE",
		table + ": index " + s.main + "-primary_username is HASH primary_username (S), projecting ALL, ACTIVE, and must be HASH primary_username (S), RANGE id (S), projecting ALL, ACTIVE",
		table + ": index " + s.main + "-sequence_number is missing, and must be HASH sequence_number (S), projecting ALL, ACTIVE",
		table + ": index " + s.main + "-user_uuid is missing, and must be HASH user_uuid (S), RANGE id (S), projecting ALL, ACTIVE",
		table + ": stream is none, and must be KEYS_ONLY",
		table + ": index sequence is nothing that CIS knows: HASH sequence_number (S), projecting ALL, ACTIVE",
		"table " + s.index + ` does not exist: run "cis vault init"`,
	}, differences)
}
