package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"cis/change"
	"cis/workflows"
)

// Limits bound what clients can ask of CIS at once.
type Limits struct {
	// Rate is how many requests a second each client may send on average, and
	// Burst how many at once; 0 for no limit. A client is the client id of its
	// token, or for calls without a token the address that it comes from.
	Rate  float64
	Burst int
	// Changes is how many requests may wait for Temporal at once; more wait for
	// their turn until their deadline. 0 for no limit.
	Changes int
}

// maxClients bounds how many clients' rates are remembered. Whoever is
// forgotten starts anew, with a full burst.
const maxClients = 10_000

// rates are the clients' token buckets.
type rates struct {
	limits Limits
	mu     sync.Mutex
	known  *lru.Cache[string, *rate.Limiter]
}

func newRates(l Limits) *rates {
	known, err := lru.New[string, *rate.Limiter](maxClients)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &rates{limits: l, known: known}
}

// limit refuses requests of clients that send too many.
func (r *rates) limit(c *gin.Context) {
	if r.limits.Rate <= 0 {
		return
	}
	name := "client " + callerOf(c).client
	if callerOf(c).client == "" {
		name = "address " + c.RemoteIP()
	}
	now := time.Now()
	reservation := r.of(name).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return
	}
	reservation.CancelAt(now)
	e := newError(http.StatusTooManyRequests, "rate_limited", "this client has sent too many requests; wait as long as Retry-After says")
	e.retryAfter = wait
	fail(c, e)
}

func (r *rates) of(name string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.known.Get(name); ok {
		return known
	}
	made := rate.NewLimiter(rate.Limit(r.limits.Rate), max(r.limits.Burst, 1))
	r.known.Add(name, made)
	return made
}

// seconds are what Retry-After counts in.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// bounded lets a bounded number of calls wait for Temporal at once.
type bounded struct {
	Changes
	slots *semaphore.Weighted
}

func newBounded(c Changes, l Limits) Changes {
	if l.Changes <= 0 {
		return c
	}
	return &bounded{c, semaphore.NewWeighted(int64(l.Changes))}
}

// take waits for a slot. ErrUnavailable when ctx ends first.
func (b *bounded) take(ctx context.Context) (free func(), err error) {
	if b.slots.Acquire(ctx, 1) != nil {
		return nil, workflows.ErrUnavailable
	}
	return func() { b.slots.Release(1) }, nil
}

func (b *bounded) Submit(ctx context.Context, set change.Set) (change.Result, error) {
	free, err := b.take(ctx)
	if err != nil {
		return change.Result{}, err
	}
	defer free()
	return b.Changes.Submit(ctx, set)
}

func (b *bounded) Hold(ctx context.Context, set change.Set) (workflows.Part, change.Result, error) {
	free, err := b.take(ctx)
	if err != nil {
		return workflows.Part{}, change.Result{}, err
	}
	defer free()
	return b.Changes.Hold(ctx, set)
}

func (b *bounded) Release(ctx context.Context, p workflows.Part) (*workflows.Released, error) {
	free, err := b.take(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	return b.Changes.Release(ctx, p)
}

func (b *bounded) Status(ctx context.Context, n change.Number) (workflows.Status, error) {
	free, err := b.take(ctx)
	if err != nil {
		return workflows.Status{}, err
	}
	defer free()
	return b.Changes.Status(ctx, n)
}
