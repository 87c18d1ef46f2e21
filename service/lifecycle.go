package service

import (
	"context"
	"errors"
	"time"

	"cis/config"
)

// retryStart is how long workers wait that Temporal did not let start.
const retryStart = 2 * time.Second

// startWorkers starts the workers as soon as Temporal lets them.
func (p *running) startWorkers(ctx context.Context) {
	ctx, p.cancelStart = context.WithCancel(ctx)
	p.starting.Go(func() { p.keepStarting(ctx) })
}

func (p *running) keepStarting(ctx context.Context) {
	for {
		workers, err := p.Workers(p.workersTime())
		if err == nil {
			err = workers.Start()
		}
		if err == nil {
			p.workers.Store(workers)
			p.Logger.Info("the workers have started")
			return
		}
		p.Logger.Warn("the workers cannot start yet; has \"cis temporal init\" been run?", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryStart):
		}
	}
}

// working tells whether the workers have started.
func (p *running) working(context.Context) error {
	if p.workers.Load() == nil {
		return errors.New("the workers have not started")
	}
	return nil
}

// The grace period is divided: requests may take half of it to come to their
// end, a twelfth more when they were told to hurry, and the workers a third. A
// process that has only workers leaves them all of it but a sixth. What is left
// is for closing; whatever is not closed by then is built to survive a crash.

func (p *running) wholeTime() time.Duration { return p.Config.GracePeriod * 23 / 24 }

func (p *running) requestsTime() time.Duration { return p.Config.GracePeriod / 2 }

func (p *running) hurryTime() time.Duration { return p.Config.GracePeriod / 12 }

func (p *running) workersTime() time.Duration {
	if p.role&config.ServesAPI != 0 {
		return p.Config.GracePeriod / 3
	}
	return p.Config.GracePeriod * 5 / 6
}

// stop ends the process's work within the grace period. Requests come first:
// what they wait for may be done by the workers of this very process.
func (p *running) stop() {
	p.Logger.Info("stopping", "grace_period", p.Config.GracePeriod.String())
	p.Health.Leave()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.stopAPI()
		p.stopWorkers()
		p.closers.close()
	}()
	select {
	case <-stopped:
		p.Logger.Info("stopped")
	case <-time.After(p.wholeTime()):
		p.Logger.Warn("stopped before everything came to its end; other workers go on with it")
	}
}

func (p *running) stopAPI() {
	if p.api == nil {
		return
	}
	p.api.SetKeepAlivesEnabled(false) // clients come back elsewhere
	time.Sleep(p.Config.DrainDelay)
	p.api.Stop(p.requestsTime()-p.Config.DrainDelay, p.hurryTime())
}

func (p *running) stopWorkers() {
	if p.role&config.Works == 0 {
		return
	}
	p.cancelStart()
	p.starting.Wait()
	if workers := p.workers.Load(); workers != nil {
		workers.Stop()
	}
}
