package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what a number of clients ask of a server: each sends one of the
// requests, picked by chance, reads the answer, and sends the next, over one
// connection that it keeps.
type load struct {
	server  string   // base URL
	paths   []string // of the requests, with their queries
	token   string
	clients []*client
}

type client struct {
	http.Client
	body bytes.Buffer
}

func (l *load) connect(n int) {
	for range n {
		l.clients = append(l.clients, &client{Client: http.Client{Transport: &http.Transport{DisableCompression: true}}})
	}
}

func (l *load) close() {
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
	l.clients = nil
}

// get reads the answer to a request, which must have status 200, into what is
// good until the client's next.
func (l *load) get(ctx context.Context, c *client, path string) (body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.server+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	c.body.Reset()
	if _, err := c.body.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s was answered %s: %s", path, response.Status, c.body.Bytes())
	}
	return c.body.Bytes(), nil
}

// answers returns the answer to each request. They are kept outside of Go's
// heap: there, they would make the garbage collector run less often.
func (l *load) answers(ctx context.Context) (answers [][]byte, err error) {
	l.connect(1)
	defer l.close()
	for _, path := range l.paths {
		body, err := l.get(ctx, l.clients[0], path)
		if err != nil {
			return nil, err
		}
		kept, err := syscall.Mmap(-1, 0, len(body), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil, err
		}
		copy(kept, body)
		answers = append(answers, kept)
	}
	return answers, nil
}

// round lets the clients work for some time. It returns how long each request
// took, and how long all did.
func (l *load) round(ctx context.Context, length time.Duration) (each []time.Duration, all time.Duration, err error) {
	runtime.GC() // what the other side left behind is not this side's
	var group errgroup.Group
	took := make([][]time.Duration, len(l.clients))
	start := time.Now()
	for i, c := range l.clients {
		group.Go(func() error {
			for from := start; from.Sub(start) < length; {
				if _, err := l.get(ctx, c, l.paths[rand.IntN(len(l.paths))]); err != nil {
					return err
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(from))
				from = now
			}
			return nil
		})
	}
	err = group.Wait()
	all = time.Since(start)
	for _, t := range took {
		each = append(each, t...)
	}
	return each, all, err
}

// perSecond is a round's throughput.
func perSecond(each []time.Duration, all time.Duration) float64 {
	return float64(len(each)) / all.Seconds()
}

// p95 is what 95 of 100 requests of a round took at most, in milliseconds.
func p95(each []time.Duration, _ time.Duration) float64 {
	values := make([]float64, len(each))
	for i, d := range each {
		values[i] = float64(d) / float64(time.Millisecond)
	}
	return quantile(values, 0.95)
}

// compare lets a number of clients of each side work by turns, after a round
// each that does not count, and measures each round.
func (o options) compare(ctx context.Context, r row, clients int, reference, measured *load, measure func([]time.Duration, time.Duration) float64) (row, error) {
	for _, side := range []*load{reference, measured} {
		side.connect(clients)
		defer side.close()
	}
	for i := range o.Rounds + 1 {
		for _, side := range []struct {
			load   *load
			rounds *[]float64
		}{{reference, &r.reference}, {measured, &r.measured}} {
			each, all, err := side.load.round(ctx, o.Round)
			if err != nil {
				return r, fmt.Errorf("%s: %w", r.what, err)
			}
			if i > 0 {
				*side.rounds = append(*side.rounds, measure(each, all))
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %.2f\n", r.what, r.ratio())
	return r, nil
}
