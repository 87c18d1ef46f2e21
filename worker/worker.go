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
	// Build is which build of CIS this is.
	Build Build
	// DirectoryConcurrency and WebhookConcurrency bound how many publications
	// of each kind this process runs at once.
	DirectoryConcurrency, WebhookConcurrency int
	// StopTimeout is how long Stop waits for what is running.
	StopTimeout time.Duration
	// OnFatalError is told when a worker cannot go on.
	OnFatalError func(error)
}

// Build names a build to Temporal, which then gives it only the changes that are
// to be carried out by that build: worker versioning. The zero value is for
// workers that take every change.
type Build struct{ Deployment, ID string }

func (b Build) options() worker.DeploymentOptions {
	if b.ID == "" {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{
		UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: b.Deployment, BuildID: b.ID},
	}
}

// Workers serve the task queues: one for changes, one for each kind of target.
type Workers struct{ all []worker.Worker }

// New makes the workers; Start runs them.
func New(c client.Client, d Dependencies) *Workers {
	changes := worker.New(c, workflows.ChangeQueue, worker.Options{
		// It waits so long for its workflows, then its local activities, then
		// its activities.
		WorkerStopTimeout: d.StopTimeout / 3, OnFatalError: d.OnFatalError, DeploymentOptions: d.Build.options(),
	})
	changes.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{
		Name: "ProfileChange",
		// A change that waits for an operator is open for weeks: it goes on with
		// the newest build, and what a build mends reaches it. A workflow that
		// were pinned would need every old build's workers for as long.
		VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	changes.RegisterActivity(d.Integration)

	directory := worker.New(c, workflows.DirectoryQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.DirectoryConcurrency,
		WorkerStopTimeout: d.StopTimeout, OnFatalError: d.OnFatalError, DeploymentOptions: d.Build.options(),
	})
	directory.RegisterActivity(d.Publishing.PublishToDirectory)

	webhooks := worker.New(c, workflows.WebhookQueue, worker.Options{
		DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.WebhookConcurrency,
		WorkerStopTimeout: d.StopTimeout, OnFatalError: d.OnFatalError, DeploymentOptions: d.Build.options(),
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
