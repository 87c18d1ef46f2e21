package cluster

import (
	"context"
	"math/rand/v2"
	"time"
)

// kills ends each process in turn and starts it again, round after round, while
// the clients send changes: the n-th when as many of the changes are
// acknowledged, so that all of them happen under load however fast that is.
func (c *cluster) kills(ctx context.Context, l *load) {
	random := rand.New(rand.NewPCG(l.size.seed, 0))
	number, all := 0, l.size.rounds*len(c.processes)
	for range l.size.rounds {
		for _, i := range random.Perm(len(c.processes)) {
			at := int64(l.size.changes) * int64(number) / int64(all)
			for l.taken.Load() <= at {
				select {
				case <-ctx.Done():
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
			p, down, taken := c.processes[i], time.Duration(random.IntN(1000))*time.Millisecond, l.taken.Load()
			p.kill(down)
			number++
			c.t.Logf("kill %d of %d: %s, with %d changes acknowledged; it was ready again after %s",
				number, all, p.name, taken, p.downtime[len(p.downtime)-1].Round(time.Millisecond))
		}
	}
}
