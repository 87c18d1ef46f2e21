// Package worker runs CIS's workflows and activities. It is the one place that
// knows them all and what each depends on.
package worker

import (
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"cis/activities"
	"cis/workflows"
)

// Dependencies are what the activities work with.
type Dependencies struct {
	Integration *activities.Integration
	Publishing  *activities.Publishing
	// DirectoryConcurrency and WebhookConcurrency bound how many publications
	// of each kind this process runs at once.
	DirectoryConcurrency, WebhookConcurrency int
	// StopTimeout is how long Stop waits for what is running.
	StopTimeout time.Duration
	// OnFatalError is told when a worker cannot go on.
	OnFatalError func(error)
}

// Workers serve the task queues: one for changes, one for each kind of target.
type Workers struct{ all []worker.Worker }

// New makes the workers; Start runs them.
func New(c client.Client, d Dependencies) *Workers {
	changes := worker.New(c, workflows.ChangeQueue, worker.Options{
		// It waits so long for its workflows, then its local activities, then
		// its activities.
		WorkerStopTimeout: d.StopTimeout / 3, OnFatalError: d.OnFatalError,
	})
	changes.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	changes.RegisterActivity(d.Integration)

	directory := worker.New(c, workflows.DirectoryQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.DirectoryConcurrency,
		WorkerStopTimeout: d.StopTimeout, OnFatalError: d.OnFatalError,
	})
	directory.RegisterActivity(d.Publishing.PublishToDirectory)

	webhooks := worker.New(c, workflows.WebhookQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.WebhookConcurrency,
		WorkerStopTimeout: d.StopTimeout, OnFatalError: d.OnFatalError,
	})
	webhooks.RegisterActivity(d.Publishing.DeliverToWebhook)
	return &Workers{[]worker.Worker{changes, directory, webhooks}}
}

// Start starts all workers; when one cannot, none is left running.
func (w *Workers) Start() error {
	for i, one := range w.all {
		if err := one.Start(); err != nil {
			(&Workers{w.all[:i]}).Stop()
			return err
		}
	}
	return nil
}

// Stop takes no more work and lets what is running come to its end, as far as
// StopTimeout goes. What is not finished is taken over by the next worker.
func (w *Workers) Stop() {
	var stopping sync.WaitGroup
	for _, one := range w.all {
		stopping.Go(one.Stop)
	}
	stopping.Wait()
}
