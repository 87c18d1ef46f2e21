// Package worker runs CIS's workflows and activities. It is the one place that
// knows them all and what each depends on.
package worker

import (
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
}

// Workers serve the task queues: one for changes, one for each kind of target.
type Workers struct{ all []worker.Worker }

// New makes the workers; Start runs them.
func New(c client.Client, d Dependencies) *Workers {
	changes := worker.New(c, workflows.ChangeQueue, worker.Options{})
	changes.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	changes.RegisterActivity(d.Integration)

	directory := worker.New(c, workflows.DirectoryQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.DirectoryConcurrency,
	})
	directory.RegisterActivity(d.Publishing.PublishToDirectory)

	webhooks := worker.New(c, workflows.WebhookQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.WebhookConcurrency,
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

// Stop lets running activities come to their end, as far as the workers' grace
// period goes. What they do not finish is taken over by the next worker.
func (w *Workers) Stop() {
	for _, one := range w.all {
		one.Stop()
	}
}
