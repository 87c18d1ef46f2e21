package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"cis/change"
	"cis/logs"
	"cis/workflows"
)

const (
	// MaxBatch is how many profiles a batch may have, and MaxBatchBytes how
	// large its body may be.
	MaxBatch      = 5000
	MaxBatchBytes = 256 << 20

	// setBytes is about how large the profiles of one change set may be:
	// Temporal takes payloads up to 2 MB.
	setBytes = MaxProfile
	// setsAtOnce bounds how many sets of a batch are in memory and being
	// verified at the same time.
	setsAtOnce = 4
)

// submitMany serves POST and PUT /v2/users. The body is read as a stream and
// handed over in change sets. A batch of one set is like a single change. The
// sets of a larger one are held until all of them are verified, and only then
// stored.
func (s *server) submitMany(c *gin.Context) {
	key, problem := idempotencyKey(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	b := newBatch(s, c, key)
	if problem := b.read(c); problem != nil {
		b.abandon()
		fail(c, problem)
		return
	}
	if problem := b.problem(false); problem != nil {
		b.abandon()
		fail(c, problem)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.BatchDeadline)
	defer cancel()
	if problem := b.store(ctx); problem != nil {
		fail(c, problem)
		return
	}
	b.answer(c)
}

// batch is the state of one request with many profiles.
type batch struct {
	s       *server
	who     caller
	key     string
	request string
	trace   string
	seen    map[string]int // user id → index of its profile
	parts   []*part

	mu         sync.Mutex
	rejections []rejection
	failure    error // why a set could not be handed over
}

// part is one change set of a batch.
type part struct {
	number  change.Number
	indexes []int    // of its profiles in the batch
	users   []string // whom they are about
	held    *workflows.Part
	result  change.Result
	pending bool
}

func newBatch(s *server, c *gin.Context, key string) *batch {
	return &batch{
		s: s, who: callerOf(c), key: key, seen: map[string]int{},
		request: c.GetString(requestIDKey), trace: c.GetString(traceKey),
	}
}

// read reads the whole body and hands its sets over, a few at a time.
func (b *batch) read(c *gin.Context) *Error {
	ctx := c.Request.Context()
	var verifying errgroup.Group
	verifying.SetLimit(setsAtOnce)
	defer func() { _ = verifying.Wait() }()

	profiles := newProfileStream(c)
	var current gathered
	for {
		p, problem := profiles.next()
		if problem != nil {
			return problem
		}
		if p == nil {
			break
		}
		submitted, ok := b.accept(*p)
		if !ok {
			continue
		}
		if current.full(submitted) {
			if problem := b.submit(ctx, &verifying, current, true); problem != nil {
				return problem
			}
			current = gathered{}
		}
		current.add(p.index, submitted)
	}
	deadlineOf(c).answer(2 * b.s.BatchDeadline) // to be verified, and to be stored
	if len(current.changes) == 0 && len(b.parts) == 0 {
		return nil
	}
	if problem := b.submit(ctx, &verifying, current, false); problem != nil {
		return problem
	}
	_ = verifying.Wait()
	return nil
}

// gathered are the profiles of the next set.
type gathered struct {
	changes []change.Submitted
	indexes []int
	size    int
}

func (g *gathered) full(next change.Submitted) bool {
	return len(g.changes) == change.MaxSetSize || len(g.changes) > 0 && g.size+len(next.Profile) > setBytes
}

func (g *gathered) add(index int, submitted change.Submitted) {
	g.changes, g.indexes = append(g.changes, submitted), append(g.indexes, index)
	g.size += len(submitted.Profile)
}

// accept makes a change of a profile, or notes why it is none.
func (b *batch) accept(p streamed) (change.Submitted, bool) {
	refuse := func(user string, e *Error) (change.Submitted, bool) {
		b.reject(rejection{Index: p.index, UserID: user, Code: e.Code, Description: e.Description})
		return change.Submitted{}, false
	}
	parsed, problem := parseProfile(p.text)
	if problem != nil {
		return refuse("", problem)
	}
	id, problem := personOf(parsed, "")
	if problem != nil {
		return refuse("", problem)
	}
	if first, ok := b.seen[id]; ok {
		return refuse(id, newError(http.StatusBadRequest, "duplicate_profile",
			fmt.Sprintf("the profile with index %d is about the same person: send one profile a person", first)))
	}
	b.seen[id] = p.index
	return change.Submitted{UserID: id, Profile: parsed.JSON()}, true
}

func (b *batch) rejected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.rejections) > 0
}

func (b *batch) reject(r rejection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rejections = append(b.rejections, r)
}

// rejectOf notes the rejections of a set's result.
func (b *batch) rejectOf(p *part) {
	for _, r := range p.result.Rejections {
		b.reject(rejection{p.indexes[r.Index], p.users[r.Index], string(r.Code), r.Description, r.Problems})
	}
}

// submit hands a set over. The first of several, and each after it, is held;
// the only one is submitted as a single change is, unless one of the batch's
// profiles has been refused already: then it is only verified.
func (b *batch) submit(ctx context.Context, verifying *errgroup.Group, g gathered, more bool) *Error {
	number, problem := b.number(len(b.parts))
	if problem != nil {
		return problem
	}
	p := &part{number: number, indexes: g.indexes}
	for _, submitted := range g.changes {
		p.users = append(p.users, submitted.UserID)
	}
	set := change.Set{
		Number: number, Client: b.who.client, Request: b.request, Trace: b.trace, Changes: g.changes,
		Held: more || len(b.parts) > 0 || b.rejected(),
	}
	parts := [][]byte{fmt.Appendf(nil, "users %d %t", len(b.parts), more)}
	for _, submitted := range g.changes {
		parts = append(parts, submitted.Profile)
	}
	set.Digest = digest(parts...)
	b.parts = append(b.parts, p)
	verifying.Go(func() error {
		b.verify(ctx, p, set)
		return nil
	})
	return nil
}

func (b *batch) number(i int) (change.Number, *Error) {
	if b.key == "" || i == 0 {
		return numberFor(b.who.client, b.key)
	}
	return change.KeyedNumber(b.who.client, fmt.Sprintf("%s\x00%d", b.key, i)), nil
}

// verify waits until a set is verified, or stored where it is the only one.
func (b *batch) verify(ctx context.Context, p *part, set change.Set) {
	var err error
	ctx, cancel := context.WithTimeout(ctx, b.s.BatchDeadline)
	defer cancel()
	if set.Held {
		var held workflows.Part
		held, p.result, err = b.s.Changes.Hold(ctx, set)
		p.held = &held
	} else {
		p.result, err = b.s.Changes.Submit(ctx, set)
		p.pending = errors.Is(err, workflows.ErrPending)
	}
	if err != nil && !p.pending {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.failure = err
		return
	}
	b.rejectOf(p)
}

// problem is why the batch is refused: the first of its profiles that is, and
// a list of them all. Once its sets are released all others are stored.
func (b *batch) problem(released bool) *Error {
	switch {
	case errors.Is(b.failure, workflows.ErrKeyReused):
		return keyReused()
	case b.failure != nil:
		b.s.Logger.Error("submitting a batch", logs.Request, b.request, "error", b.failure)
		return unavailable("changes cannot be taken now; send the same request again later")
	case len(b.rejections) == 0:
		return nil
	}
	slices.SortFunc(b.rejections, func(x, y rejection) int { return x.Index - y.Index })
	first := b.rejections[0]
	e := &Error{
		status: statusOf(first.Code), Code: first.Code, Rejections: b.rejections, Problems: first.Problems,
		Description: fmt.Sprintf("profile %d: %s", first.Index, first.Description),
	}
	switch {
	case change.Code(first.Code) == change.KeyReused:
		return keyReused()
	case released || b.partly():
		e.status, e.Code = http.StatusConflict, "conflict"
		e.Description = "other changes came in between: these profiles were refused by what they left, the others are stored; " + e.Description
	}
	return e
}

// partly tells whether some of the batch is stored.
func (b *batch) partly() bool {
	return slices.ContainsFunc(b.parts, func(p *part) bool { return len(p.result.Outcomes) > 0 })
}

// abandon gives up what is held. The client may have gone by now.
func (b *batch) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, p := range b.parts {
		if p.held == nil || len(p.result.Rejections)+len(p.result.Outcomes) > 0 {
			continue
		}
		if err := b.s.Changes.Abandon(ctx, *p.held); err != nil {
			b.s.Logger.Warn("abandoning a set of a batch", logs.Change, p.number, logs.Request, b.request, "error", err)
		}
	}
}

// store lets the held sets be stored: first all of them are released, so that
// they will be whatever happens then, and after that awaited.
func (b *batch) store(ctx context.Context) *Error {
	var releasing errgroup.Group
	releasing.SetLimit(2 * setsAtOnce)
	// The client may go now: that must not leave some of them behind.
	toEnd, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.s.BatchDeadline)
	defer cancel()
	released := make([]*workflows.Released, len(b.parts))
	for i, p := range b.parts {
		if p.held != nil {
			releasing.Go(func() (err error) {
				released[i], err = b.s.Changes.Release(toEnd, *p.held)
				return err
			})
		}
	}
	if err := releasing.Wait(); err != nil {
		b.s.Logger.Error("releasing a batch", logs.Request, b.request, "error", err)
		return unavailable("a part of the batch could not be stored; send the same request again, what is stored by then is left as it is")
	}
	for i, p := range b.parts {
		if released[i] == nil {
			continue
		}
		var err error
		p.result, err = released[i].Result(ctx)
		if p.pending = errors.Is(err, workflows.ErrPending); err != nil && !p.pending {
			b.s.Logger.Error("storing a batch", logs.Change, p.number, logs.Request, b.request, "error", err)
			return unavailable("a part of the batch could not be stored; send the same request again, what is stored by then is left as it is")
		}
		b.rejectOf(p)
	}
	return b.problem(true)
}

// stored is a list of changes in the answer to a batch.
type stored struct {
	Status          string          `json:"status"`
	SequenceNumbers []change.Number `json:"sequence_numbers"`
}

// batchAnswer is the answer to a batch; lists without changes are null.
type batchAnswer struct {
	Creates *stored `json:"creates"`
	Updates *stored `json:"updates"`
	Pending *stored `json:"pending,omitempty"`
	Status  int     `json:"status"`
}

func (b *batch) answer(c *gin.Context) {
	answer := batchAnswer{Status: http.StatusAccepted}
	status := http.StatusOK
	add := func(list **stored, code string, n change.Number) {
		if *list == nil {
			*list = &stored{Status: code}
		}
		(*list).SequenceNumbers = append((*list).SequenceNumbers, n)
	}
	for _, p := range b.parts {
		if p.pending {
			status = http.StatusAccepted
			for i := range p.users {
				add(&answer.Pending, "202", p.number.At(i))
			}
		}
		for _, o := range p.result.Outcomes {
			switch o.Condition {
			case change.Create:
				add(&answer.Creates, "200", o.Number)
			case change.Update:
				add(&answer.Updates, "200", o.Number)
			}
		}
	}
	if status == http.StatusOK && (answer.Creates != nil || answer.Updates != nil) {
		answer.Status = http.StatusOK
	}
	c.JSON(status, answer)
}
