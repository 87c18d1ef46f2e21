package cluster

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// size is how large a proof is. The variables make it smaller or larger.
type size struct {
	changes int // CIS_CLUSTER_CHANGES
	people  int // CIS_CLUSTER_PEOPLE
	clients int // CIS_CLUSTER_CLIENTS
	rounds  int // CIS_CLUSTER_ROUNDS, in each of which every process is killed
	seed    uint64
}

func sizeOf(t *testing.T) size {
	number := func(variable string, otherwise uint64) uint64 {
		text := os.Getenv(variable)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, variable)
		return n
	}
	return size{
		changes: int(number("CIS_CLUSTER_CHANGES", 5000)), people: int(number("CIS_CLUSTER_PEOPLE", 500)),
		clients: int(number("CIS_CLUSTER_CLIENTS", 20)), rounds: int(number("CIS_CLUSTER_ROUNDS", 3)),
		seed: number("CIS_CLUSTER_SEED", uint64(rand.Uint32())),
	}
}

// allTimeout is how long the changes may take to be acknowledged, and again to
// be published.
const allTimeout = 25 * time.Minute

func TestNothingIsLostWhereEveryProcessIsKilledInTurn(t *testing.T) {
	if os.Getenv("CIS_CLUSTER") == "" {
		t.Skip("make test-cluster runs it")
	}
	require.NoError(t, missing(), "deploy/test/cluster sets this up")
	s := sizeOf(t)
	t.Logf("%+v: CIS_CLUSTER_SEED=%d has the same order of kills and changes", s, s.seed)
	c := newCluster(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), allTimeout)
	defer cancel()

	l := &load{c: c, size: s}
	killed := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(killed)
		c.kills(ctx, l)
	}()
	err := l.run(ctx)
	sending := time.Since(began)
	if err != nil {
		cancel()
	}
	<-killed
	require.NoError(t, err)
	require.Len(t, l.all, s.changes)
	c.awaitPublished(s.changes)
	l.figures(sending, time.Since(began)-sending)
	c.verify(l)
	for _, p := range c.processes {
		require.GreaterOrEqual(t, p.kills, s.rounds, p.name)
	}
}
