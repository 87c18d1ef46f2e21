package dynamo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const (
	// maxAttempts is how often a request is made that gets no answer, or one
	// that says that DynamoDB itself has failed.
	maxAttempts = 5
	// The pauses between attempts are drawn from 0 up to a limit that doubles
	// each time, from firstPause to maxPause.
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// retryer is the SDK's, except that a request which DynamoDB is only too busy
// for is made again until its context ends.
type retryer struct{ *retry.Standard }

func newRetryer() retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			if busy(err) {
				return aws.TrueTernary
			}
			return aws.UnknownTernary
		}))
	})}
}

// MaxAttempts implements aws.Retryer: as many as RetryDelay allows.
func (retryer) MaxAttempts() int { return 0 }

// RetryDelay implements aws.Retryer. Its error ends the attempts.
func (retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= maxAttempts && !busy(err) {
		return 0, err
	}
	return pauseAfter(attempt), nil
}

// pauseAfter draws the pause after so many attempts.
func pauseAfter(attempt int) time.Duration {
	return rand.N(min(maxPause, firstPause<<min(attempt, 10)))
}

// pause waits before the next attempt, and fails when the context ends.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pauseAfter(attempt)):
		return nil
	}
}

// busy tells that a request was refused only because others are under way:
// too many of them, or a transaction that has one of its items.
func busy(err error) bool {
	if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return onlyBusy(cancelled.CancellationReasons)
	}
	failed, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	_, throttled := retry.DefaultThrottleErrorCodes[failed.ErrorCode()]
	return throttled || failed.ErrorCode() == (*types.TransactionConflictException)(nil).ErrorCode()
}

// What DynamoDB says of each item of a cancelled transaction.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
	reasonConflict  = "TransactionConflict"
	reasonThrottled = "ThrottlingError"
	reasonCapacity  = "ProvisionedThroughputExceeded"
)

func onlyBusy(reasons []types.CancellationReason) bool {
	for _, r := range reasons {
		switch aws.ToString(r.Code) {
		case reasonNone, reasonConflict, reasonThrottled, reasonCapacity:
		default:
			return false
		}
	}
	return true
}
