package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// settleTime is how long a transaction that was sent is waited for, also when
// the caller's context ends: so a call that was cancelled leaves nothing behind
// that happens later.
const settleTime = 10 * time.Second

// transact makes a transaction happen, however busy DynamoDB is, and returns
// the indexes of the actions whose conditions do not hold; then nothing has
// happened. After an error it may have happened.
func (s *Store) transact(ctx context.Context, actions []types.TransactWriteItem) (refused []int, err error) {
	request := &dynamodb.TransactWriteItemsInput{
		TransactItems: actions,
		// An attempt whose answer was lost and the next one count as one.
		ClientRequestToken: aws.String(rand.Text()),
	}
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.attempt(ctx, request)
		if err == nil {
			return nil, nil
		}
		if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
			if refused := refusals(cancelled); len(refused) > 0 {
				return refused, nil
			}
		}
		again := s.retryable(err) && (attempt < maxAttempts || busy(err))
		if !again {
			return nil, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

func (s *Store) attempt(ctx context.Context, request *dynamodb.TransactWriteItemsInput) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	_, err := s.db.TransactWriteItems(ctx, request, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	return err
}

// retryable tells what the SDK would try again.
func (s *Store) retryable(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || s.db.Options().Retryer.IsErrorRetryable(err)
}

func refusals(cancelled *types.TransactionCanceledException) (refused []int) {
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) == reasonCondition {
			refused = append(refused, i)
		}
	}
	return refused
}

// putIf and deleteIf are actions of a transaction.

func putIf(table string, i item, c condition) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &table, Item: i, ConditionExpression: c.expression, ExpressionAttributeValues: c.values,
	}}
}

func deleteIf(table string, key item, c condition) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &table, Key: key, ConditionExpression: c.expression, ExpressionAttributeValues: c.values,
	}}
}

// condition is what must hold of an item; the zero condition always does.
type condition struct {
	expression *string
	values     item
}

// absent holds where there is no item; key is an attribute of its key.
func absent(key string) condition {
	return condition{expression: aws.String("attribute_not_exists(" + key + ")")}
}

// unchanged holds while an item has the sequence number.
func unchanged(sequence string) condition {
	return condition{aws.String("sequence_number = :read"), item{":read": text(sequence)}}
}

// newToken returns a token for entries that are added.
func newToken() string { return rand.Text()[:tokenSize] }

// additions and removals are what makes index entries and takes them away,
// outside of a transaction.

func additions(entries []entry) []types.WriteRequest {
	requests := make([]types.WriteRequest, len(entries))
	for i, e := range entries {
		requests[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: e.item()}}
	}
	return requests
}

func removals(entries []entry) []types.WriteRequest {
	requests := make([]types.WriteRequest, len(entries))
	for i, e := range entries {
		requests[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: e.key()}}
	}
	return requests
}
