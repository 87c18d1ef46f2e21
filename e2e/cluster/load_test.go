package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"cis/change"
)

// acknowledged is a change that CIS has said it took.
type acknowledged struct {
	planned
	number  change.Number
	pending bool          // it was answered 202
	tries   int           // requests until then
	took    time.Duration // from the first request until the answer
	last    time.Duration // what of this the last request took
}

// load is what the clients do.
type load struct {
	c     *cluster
	size  size
	taken atomic.Int64 // changes that were acknowledged

	mu     sync.Mutex
	all    []acknowledged
	errors map[string]int // answers that were no acknowledgement
}

// requestTimeout is how long a client waits for an answer, which is longer than
// an API lets it wait.
const requestTimeout = 20 * time.Second

// sender keeps a connection for each client, as separate clients would.
var sender = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// run lets every client send its part of the changes, one after the other, and
// each until it is acknowledged.
func (l *load) run(ctx context.Context) error {
	l.errors = map[string]int{}
	create := func(i int, _ *rand.Rand) planned { return creation(i) }
	change := func(i int, random *rand.Rand) planned { return update(i, l.size.people, random) }
	if err := l.each(ctx, 0, l.size.people, create); err != nil {
		return err
	}
	l.awaitStored() // nobody else may create them
	return l.each(ctx, l.size.people, l.size.changes, change)
}

// each sends the changes numbered from begin to end.
func (l *load) each(ctx context.Context, begin, end int, plan func(int, *rand.Rand) planned) error {
	var clients sync.WaitGroup
	errs := make(chan error, l.size.clients)
	for i := range l.size.clients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(l.size.seed, uint64(i)))
			token, err := l.token(ctx, i)
			for n := begin + i; n < end && err == nil; n += l.size.clients {
				err = l.send(ctx, token, plan(n, random))
			}
			errs <- err
		})
	}
	clients.Wait()
	for range l.size.clients {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func (l *load) token(ctx context.Context, client int) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID(client)}, "client_secret": {clientSecret}, "audience": {audience}}
	response, err := http.PostForm(l.c.issuer+"/oauth/token", form)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	return answer.Token, json.NewDecoder(response.Body).Decode(&answer)
}

// send sends a change to one API or the other until it is acknowledged. Only
// what is worth another try is tried again.
func (l *load) send(ctx context.Context, token string, p planned) error {
	body, began := l.c.body(p), time.Now()
	for tries := 1; ; tries++ {
		asked := time.Now()
		status, answer, err := l.post(ctx, token, p.key, body)
		if ctx.Err() != nil {
			return fmt.Errorf("%s was not acknowledged: %s", p.key, answer)
		}
		switch {
		case err != nil:
			l.note("no answer")
		case status == http.StatusOK || status == http.StatusAccepted:
			return l.acknowledge(p, status, answer, acknowledged{planned: p, tries: tries, took: time.Since(began), last: time.Since(asked)})
		case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests || status == http.StatusGatewayTimeout:
			l.note(fmt.Sprint(status))
		default:
			return fmt.Errorf("%s: %d %s", p.key, status, answer)
		}
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
	}
}

func (l *load) post(ctx context.Context, token, key string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	at := l.c.apis[rand.IntN(len(l.c.apis))]
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/v2/user", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", key)
	response, err := sender.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (l *load) acknowledge(p planned, status int, answer []byte, a acknowledged) error {
	var said struct {
		Number    *change.Number `json:"sequence_number"`
		Condition string         `json:"condition"`
	}
	if err := json.Unmarshal(answer, &said); err != nil || said.Number == nil {
		return fmt.Errorf("%s: %d %s", p.key, status, answer)
	}
	a.number, a.pending = *said.Number, status == http.StatusAccepted
	l.mu.Lock()
	l.all = append(l.all, a)
	l.mu.Unlock()
	l.taken.Add(1)
	return nil
}

func (l *load) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors[what]++
}

// awaitStored waits until everybody has been created, also those whose creation
// was still under way when it was acknowledged.
func (l *load) awaitStored() {
	var numbers []string
	for _, a := range l.all {
		numbers = append(numbers, string(a.number))
	}
	require.Eventually(l.c.t, func() bool {
		store, err := l.c.vault()
		if err != nil {
			return false // it is down
		}
		defer store.Close()
		stored, err := store.Applied(l.c.t.Context(), numbers...)
		return err == nil && len(stored) == len(numbers)
	}, startTimeout, 50*time.Millisecond)
}
