package activities

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"cis/change"
)

// patient is an error of a receiver that asks to be left alone for a while.
type patient struct{ time.Duration }

func (patient) Error() string               { return "busy" }
func (p patient) RetryAfter() time.Duration { return p.Duration }

func TestWhatBecomesOfAFailedAttempt(t *testing.T) {
	schedule := Schedule{time.Second, time.Minute}
	for name, test := range map[string]struct {
		err     error
		attempt int32
		parked  bool
		delay   time.Duration
	}{
		"the first failure":                        {errors.New("down"), 1, false, time.Second},
		"the second failure":                       {errors.New("down"), 2, false, time.Minute},
		"one more than the schedule has":           {errors.New("down"), 3, true, 0},
		"what only a person can mend":              {change.As(change.Park, errors.New("no rights")), 1, true, 0},
		"a receiver that asks for longer":          {fmt.Errorf("x: %w", patient{time.Hour}), 1, false, time.Hour},
		"a receiver that asks for less":            {patient{time.Millisecond}, 2, false, time.Minute},
		"a receiver that asks for ever but parked": {change.As(change.Park, patient{time.Hour}), 1, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			failed, ok := errors.AsType[*temporal.ApplicationError](schedule.failed(test.err, test.attempt))
			require.True(t, ok)
			require.Equal(t, test.parked, failed.NonRetryable())
			require.Equal(t, test.parked, failed.Type() == ErrorParked)
			require.Equal(t, test.delay, failed.NextRetryDelay())
			if test.parked {
				var attempts int
				require.NoError(t, failed.Details(&attempts))
				require.EqualValues(t, test.attempt, attempts)
			}
		})
	}
}
