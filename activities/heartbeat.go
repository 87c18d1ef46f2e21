package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeat tells Temporal, at an interval, that an activity's worker is alive
// and how many items it has done, however long a single item takes: when the
// worker dies, another one takes over within the heartbeat timeout.
type heartbeat struct {
	done   atomic.Int64
	cancel context.CancelFunc
	ended  chan struct{}
}

func (a *Publishing) keepAlive(ctx context.Context, done int) *heartbeat {
	running, cancel := context.WithCancel(ctx)
	h := &heartbeat{cancel: cancel, ended: make(chan struct{})}
	h.reached(done)
	go func() {
		defer close(h.ended)
		ticker := time.NewTicker(a.Heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-running.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, int(h.done.Load()))
			}
		}
	}()
	return h
}

func (h *heartbeat) reached(done int) { h.done.Store(int64(done)) }

// stop ends the heartbeat and waits until it has.
func (h *heartbeat) stop() {
	h.cancel()
	<-h.ended
}
