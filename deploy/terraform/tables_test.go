// Package terraform has no program: it is here for its test.
package terraform

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"

	"cis/internal/dynamolocal"
	"cis/vault/dynamo"
)

func TestMain(m *testing.M) { os.Exit(dynamolocal.Run(m)) }

// table is what tables.tf says of one.
type table struct {
	Type           string `hcl:"type,label"`
	Label          string `hcl:"label,label"`
	Name           string `hcl:"name"`
	BillingMode    string `hcl:"billing_mode"`
	HashKey        string `hcl:"hash_key"`
	RangeKey       string `hcl:"range_key,optional"`
	StreamEnabled  bool   `hcl:"stream_enabled,optional"`
	StreamViewType string `hcl:"stream_view_type,optional"`
	Attributes     []struct {
		Name string `hcl:"name"`
		Type string `hcl:"type"`
	} `hcl:"attribute,block"`
	Indexes []struct {
		Name           string `hcl:"name"`
		HashKey        string `hcl:"hash_key"`
		RangeKey       string `hcl:"range_key,optional"`
		ProjectionType string `hcl:"projection_type"`
	} `hcl:"global_secondary_index,block"`
	Recovery struct {
		Enabled bool     `hcl:"enabled"`
		Rest    hcl.Body `hcl:",remain"`
	} `hcl:"point_in_time_recovery,block"`
	Rest hcl.Body `hcl:",remain"`
}

// tables reads tables.tf for an environment.
func tables(t *testing.T, environment string) []table {
	parsed, problems := hclparse.NewParser().ParseHCLFile("tables.tf")
	require.False(t, problems.HasErrors(), problems)
	variables := map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{"environment": cty.StringVal(environment)})}
	var locals struct {
		Locals struct {
			Vault string `hcl:"vault"`
		} `hcl:"locals,block"`
		Rest hcl.Body `hcl:",remain"`
	}
	problems = gohcl.DecodeBody(parsed.Body, &hcl.EvalContext{Variables: variables}, &locals)
	require.False(t, problems.HasErrors(), problems)
	variables["local"] = cty.ObjectVal(map[string]cty.Value{"vault": cty.StringVal(locals.Locals.Vault)})
	var resources struct {
		Tables []table  `hcl:"resource,block"`
		Rest   hcl.Body `hcl:",remain"`
	}
	problems = gohcl.DecodeBody(parsed.Body, &hcl.EvalContext{Variables: variables}, &resources)
	require.False(t, problems.HasErrors(), problems)
	return resources.Tables
}

func key(hash, sort string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if sort != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: &sort, KeyType: types.KeyTypeRange})
	}
	return schema
}

// request is what Amazon's provider makes of a table.
func (t table) request() *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: &t.Name, BillingMode: types.BillingMode(t.BillingMode), KeySchema: key(t.HashKey, t.RangeKey),
	}
	for _, a := range t.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: &a.Name, AttributeType: types.ScalarAttributeType(a.Type)})
	}
	for _, x := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &x.Name, KeySchema: key(x.HashKey, x.RangeKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(x.ProjectionType)},
		})
	}
	if t.StreamEnabled {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(t.StreamViewType)}
	}
	return in
}

func TestTheTablesAreThoseThatCISWants(t *testing.T) {
	config, environment := dynamolocal.Config(t), "test-"+strings.ToLower(rand.Text())
	db := dynamodb.NewFromConfig(config)
	for _, made := range tables(t, environment) {
		require.Equal(t, "aws_dynamodb_table", made.Type)
		require.True(t, made.Recovery.Enabled, made.Label)
		_, err := db.CreateTable(context.Background(), made.request())
		require.NoError(t, err, made.Label)
	}
	differences, err := dynamo.Check(context.Background(), config, environment)
	require.NoError(t, err)
	require.Empty(t, differences)
}
