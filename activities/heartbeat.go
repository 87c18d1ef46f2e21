package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeat tells Temporal, at an interval, that an activity's worker is alive
// and how far it has come, however long a single item takes: when the worker
// dies, another one takes over within the heartbeat timeout.
type heartbeat struct {
	state  atomic.Pointer[attempt]
	cancel context.CancelFunc
	ended  chan struct{}
}

func (a *Publishing) keepAlive(ctx context.Context, t *attempt) *heartbeat {
	running, cancel := context.WithCancel(ctx)
	h := &heartbeat{cancel: cancel, ended: make(chan struct{})}
	h.reached(t)
	go func() {
		defer close(h.ended)
		ticker := time.NewTicker(a.Heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-running.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, h.state.Load())
			}
		}
	}()
	return h
}

// reached keeps the attempt's state as it is now.
func (h *heartbeat) reached(t *attempt) {
	state := *t
	h.state.Store(&state)
}

// stop ends the heartbeat and waits until it has.
func (h *heartbeat) stop() {
	h.cancel()
	<-h.ended
}
