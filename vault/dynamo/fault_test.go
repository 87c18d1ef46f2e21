package dynamo

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"cis/vault"
)

// with adds a step to every request of a configuration, inside of the SDK's
// retries: each attempt passes it.
func with(config aws.Config, step middleware.FinalizeMiddleware) aws.Config {
	config = config.Copy()
	config.APIOptions = append(config.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(step, middleware.After)
	})
	return config
}

type send func() (middleware.FinalizeOutput, middleware.Metadata, error)

// attempts gives each attempt of a request to f, with what sends it.
func attempts(config aws.Config, f func(operation string, send send) (middleware.FinalizeOutput, middleware.Metadata, error)) aws.Config {
	return with(config, middleware.FinalizeMiddlewareFunc("test", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		return f(middleware.GetOperationName(ctx), func() (middleware.FinalizeOutput, middleware.Metadata, error) {
			return next.HandleFinalize(ctx, in)
		})
	}))
}

var errDied = errors.New("the process died")

// dying is a configuration whose process dies at the n-th attempt: before it is
// sent, or when it is done and the answer has not come. died tells whether it
// came to that.
func dying(config aws.Config, n int64, sent bool) (_ aws.Config, died *atomic.Bool) {
	var count atomic.Int64
	died = new(atomic.Bool)
	return attempts(config, func(_ string, send send) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
		i := count.Add(1) - 1
		if i < n {
			return send()
		}
		died.Store(true)
		if i == n && sent {
			_, _, _ = send()
		}
		return out, m, errDied
	}), died
}

// busyFor is a configuration in which every request is refused as by a busy
// DynamoDB the first n times.
func busyFor(config aws.Config, n int64) (_ aws.Config, refused *atomic.Int64) {
	counts := map[string]*atomic.Int64{}
	for _, operation := range []string{"GetItem", "PutItem", "BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems", "Query", "Scan"} {
		counts[operation] = new(atomic.Int64)
	}
	refused = new(atomic.Int64)
	return attempts(config, func(operation string, send send) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
		count := counts[operation].Add(1)
		if count%(n+1) == 0 {
			return send()
		}
		refused.Add(1)
		switch {
		case operation == "TransactWriteItems" && count%2 == 0:
			return out, m, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
				{Code: aws.String(reasonNone)}, {Code: aws.String(reasonConflict)},
			}}
		case count%2 == 0:
			return out, m, &types.TransactionConflictException{}
		}
		return out, m, &types.ProvisionedThroughputExceededException{}
	}), refused
}

func TestABusyDynamoDBIsAskedUntilItAnswers(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	busy, refused := busyFor(config, maxAttempts+1)
	s := open(t, busy, environment)
	term := vault.Term{Attribute: "team", Value: "x"}
	w := creation("a", "1", term)
	put(t, s, w)
	require.True(t, lists(t, s, vault.Query{With: []vault.Term{term}}, "a"))
	require.Greater(t, refused.Load(), int64(4*maxAttempts))
	requireState(t, open(t, config, environment), w)
}

func TestWhatABusyDynamoDBDidNotDoEndsWithTheContext(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	s := open(t, config, environment)
	config, _ = busyFor(config, 1<<40)
	never := newStore(config, environment)
	defer never.Close()
	for name, call := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error { _, err := never.Get(ctx, "a"); return err },
		"put": func(ctx context.Context) error { _, err := never.Put(ctx, creation("a", "1")); return err },
	} {
		ctx, cancel := context.WithTimeout(context.Background(), maxPause/2)
		require.ErrorIs(t, call(ctx), context.DeadlineExceeded, name)
		cancel()
	}
	records, err := s.Get(context.Background(), "a")
	require.NoError(t, err)
	require.Empty(t, records)
}

// failed500 is what the SDK makes of an answer with HTTP status 500.
func failed500() error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusInternalServerError}},
		Err:      &types.InternalServerError{},
	}
}

func TestADynamoDBThatFailsIsAnErrorAfterSomeAttempts(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	var count atomic.Int64
	s := newStore(attempts(config, func(string, send) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
		count.Add(1)
		return out, m, failed500()
	}), environment)
	defer s.Close()
	_, err := s.Get(context.Background(), "a")
	require.ErrorContains(t, err, s.main)
	require.NotErrorIs(t, err, vault.ErrInvalid)
	require.Equal(t, int64(maxAttempts), count.Load())
}

// partly is a configuration in which batches are done by halves, and of
// reads nothing every second time.
func partly(config aws.Config) aws.Config {
	config = config.Copy()
	var count atomic.Int64
	config.APIOptions = append(config.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("partly", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, m middleware.Metadata, err error) {
			switch request := in.Parameters.(type) {
			case *dynamodb.BatchGetItemInput:
				done, left := map[string]types.KeysAndAttributes{}, map[string]types.KeysAndAttributes{}
				for table, k := range request.RequestItems {
					first, rest := k, k
					half := (len(k.Keys) + 1) / 2
					first.Keys, rest.Keys = k.Keys[:half], k.Keys[half:]
					done[table] = first
					if len(rest.Keys) > 0 {
						left[table] = rest
					}
				}
				if count.Add(1)%2 == 0 {
					out.Result = &dynamodb.BatchGetItemOutput{UnprocessedKeys: request.RequestItems}
					return out, m, nil
				}
				in.Parameters = &dynamodb.BatchGetItemInput{RequestItems: done}
				if out, m, err = next.HandleInitialize(ctx, in); err == nil {
					out.Result.(*dynamodb.BatchGetItemOutput).UnprocessedKeys = left
				}
				return out, m, err
			case *dynamodb.BatchWriteItemInput:
				done, left := map[string][]types.WriteRequest{}, map[string][]types.WriteRequest{}
				for table, requests := range request.RequestItems {
					half := (len(requests) + 1) / 2
					done[table] = requests[:half]
					if len(requests) > half {
						left[table] = requests[half:]
					}
				}
				in.Parameters = &dynamodb.BatchWriteItemInput{RequestItems: done}
				if out, m, err = next.HandleInitialize(ctx, in); err == nil {
					out.Result.(*dynamodb.BatchWriteItemOutput).UnprocessedItems = left
				}
				return out, m, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return config
}

func TestWhatIsNotProcessedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	s := open(t, partly(config), environment)
	w := creation("a", "1", groups("group", 60)...)
	other := creation("b", "2", w.Terms[0])
	put(t, s, w, other)
	requireState(t, open(t, config, environment), w)
	records, err := s.Get(context.Background(), "a", "b", "c")
	require.NoError(t, err)
	require.Len(t, records, 2)
	found, err := s.List(context.Background(), vault.Query{With: w.Terms[:1], Limit: 10})
	require.NoError(t, err)
	require.Len(t, found, 2)
}

// TestAChangeWhoseAnswerWasLostIsStoredOnce loses the answer to a transaction
// that was made: the next attempt must not take the change for another's.
func TestAChangeWhoseAnswerWasLostIsStoredOnce(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	var count atomic.Int64
	s := open(t, attempts(config, func(operation string, send send) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
		out, m, err = send()
		if operation == "TransactWriteItems" && count.Add(1) == 1 {
			return out, m, failed500()
		}
		return out, m, err
	}), environment)
	w := creation("a", "1")
	put(t, s, w)
	requireState(t, s, w)
	require.Equal(t, int64(2), count.Load())
}
