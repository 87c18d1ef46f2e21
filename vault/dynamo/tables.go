package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// activeWithin is how long a new table is waited for.
const activeWithin = 10 * time.Minute

// Init creates those of an environment's tables that do not exist, waits until
// they can be used, and returns their names. One that exists is left as it is:
// Check says what it lacks.
func Init(ctx context.Context, config aws.Config, environment string) (created []string, err error) {
	s := newStore(config, environment)
	defer s.Close()
	for _, table := range s.tables() {
		made, err := s.create(ctx, table)
		if err != nil {
			return created, s.failed(ctx, "create table "+*table.TableName, err)
		}
		if made {
			created = append(created, *table.TableName)
		}
	}
	return created, s.failed(ctx, "look whether it is empty", s.completeIfEmpty(ctx))
}

func (s *Store) create(ctx context.Context, table *dynamodb.CreateTableInput) (made bool, err error) {
	_, err = s.db.CreateTable(ctx, table)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return false, err
	}
	made = err == nil
	describe := &dynamodb.DescribeTableInput{TableName: table.TableName}
	return made, dynamodb.NewTableExistsWaiter(s.db).Wait(ctx, describe, activeWithin)
}

// completeIfEmpty makes a vault searchable that has nobody in it.
func (s *Store) completeIfEmpty(ctx context.Context) error {
	if complete, err := s.isComplete(ctx); err != nil || complete {
		return err
	}
	out, err := s.db.Scan(ctx, &dynamodb.ScanInput{TableName: &s.main, ConsistentRead: aws.Bool(true), Limit: aws.Int32(1)})
	if err != nil || len(out.Items) > 0 || len(out.LastEvaluatedKey) > 0 {
		return err
	}
	return s.setComplete(ctx)
}

// tables are what the vault's tables are to be.
func (s *Store) tables() []*dynamodb.CreateTableInput {
	secondary := func(name, attribute string, more ...types.KeySchemaElement) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{
			IndexName:  aws.String(s.main + "-" + name),
			KeySchema:  append([]types.KeySchemaElement{hashKey(attribute)}, more...),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}
	}
	return []*dynamodb.CreateTableInput{
		{
			TableName:   &s.main,
			BillingMode: types.BillingModePayPerRequest,
			KeySchema:   []types.KeySchemaElement{hashKey("id")},
			AttributeDefinitions: []types.AttributeDefinition{
				attribute("id", types.ScalarAttributeTypeS), attribute("sequence_number", types.ScalarAttributeTypeS),
				attribute(attrEmail, types.ScalarAttributeTypeS), attribute(attrUsername, types.ScalarAttributeTypeS),
				attribute(attrUUID, types.ScalarAttributeTypeS),
			},
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
				secondary("sequence_number", "sequence_number"),
				secondary(attrEmail, attrEmail, rangeKey("id")),
				secondary(attrUsername, attrUsername, rangeKey("id")),
				secondary(attrUUID, attrUUID, rangeKey("id")),
			},
			StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly},
		},
		{
			TableName:   &s.index,
			BillingMode: types.BillingModePayPerRequest,
			KeySchema:   []types.KeySchemaElement{hashKey(attrPartition), rangeKey(attrPosition)},
			AttributeDefinitions: []types.AttributeDefinition{
				attribute(attrPartition, types.ScalarAttributeTypeS), attribute(attrPosition, types.ScalarAttributeTypeB),
			},
		},
	}
}

func hashKey(name string) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeHash}
}

func rangeKey(name string) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeRange}
}

func attribute(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
}

// Check compares an environment's tables with what they are to be, and returns
// every difference as a sentence.
func Check(ctx context.Context, config aws.Config, environment string) (differences []string, err error) {
	s := newStore(config, environment)
	defer s.Close()
	for _, want := range s.tables() {
		out, err := s.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: want.TableName})
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			differences = append(differences, fmt.Sprintf(`table %s does not exist: run "cis vault init"`, *want.TableName))
			continue
		}
		if err != nil {
			return nil, s.failed(ctx, "describe table "+*want.TableName, err)
		}
		for _, d := range compare(describeWanted(want), describeFound(out.Table)) {
			differences = append(differences, fmt.Sprintf("table %s: %s", *want.TableName, d))
		}
	}
	return differences, nil
}

// describeWanted and describeFound say what a table is, property by property.

func describeWanted(t *dynamodb.CreateTableInput) map[string]string {
	is := map[string]string{"status": string(types.TableStatusActive), "billing mode": string(t.BillingMode), "key": keyText(t.KeySchema, t.AttributeDefinitions)}
	is["stream"] = streamText(t.StreamSpecification)
	for _, x := range t.GlobalSecondaryIndexes {
		is["index "+*x.IndexName] = indexText(x.KeySchema, t.AttributeDefinitions, x.Projection, types.IndexStatusActive)
	}
	return is
}

func describeFound(t *types.TableDescription) map[string]string {
	is := map[string]string{"status": string(t.TableStatus), "billing mode": string(types.BillingModeProvisioned), "key": keyText(t.KeySchema, t.AttributeDefinitions)}
	is["stream"] = streamText(t.StreamSpecification)
	if t.BillingModeSummary != nil {
		is["billing mode"] = string(t.BillingModeSummary.BillingMode)
	}
	for _, x := range t.GlobalSecondaryIndexes {
		is["index "+*x.IndexName] = indexText(x.KeySchema, t.AttributeDefinitions, x.Projection, x.IndexStatus)
	}
	for _, x := range t.LocalSecondaryIndexes {
		is["local index "+*x.IndexName] = indexText(x.KeySchema, t.AttributeDefinitions, x.Projection, types.IndexStatusActive)
	}
	return is
}

func keyText(key []types.KeySchemaElement, attributes []types.AttributeDefinition) string {
	var words []string
	for _, k := range key {
		for _, a := range attributes {
			if *a.AttributeName == *k.AttributeName {
				words = append(words, fmt.Sprintf("%s %s (%s)", k.KeyType, *k.AttributeName, a.AttributeType))
			}
		}
	}
	return strings.Join(words, ", ")
}

func indexText(key []types.KeySchemaElement, attributes []types.AttributeDefinition, p *types.Projection, status types.IndexStatus) string {
	return fmt.Sprintf("%s, projecting %s, %s", keyText(key, attributes), p.ProjectionType, status)
}

func streamText(s *types.StreamSpecification) string {
	if s == nil || !aws.ToBool(s.StreamEnabled) {
		return "none"
	}
	return string(s.StreamViewType)
}

func compare(want, found map[string]string) (differences []string) {
	for _, property := range slices.Sorted(maps.Keys(want)) {
		switch is, ok := found[property]; {
		case !ok:
			differences = append(differences, fmt.Sprintf("%s is missing, and must be %s", property, want[property]))
		case is != want[property]:
			differences = append(differences, fmt.Sprintf("%s is %s, and must be %s", property, is, want[property]))
		}
	}
	for _, property := range slices.Sorted(maps.Keys(found)) {
		if _, ok := want[property]; !ok {
			differences = append(differences, fmt.Sprintf("%s is nothing that CIS knows: %s", property, found[property]))
		}
	}
	return differences
}
