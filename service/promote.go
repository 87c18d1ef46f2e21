package service

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"

	"cis/config"
)

// Promote makes a build the one that Temporal gives changes to: new ones, and
// those that are under way with their next step. It waits until workers of that
// build are there for every task queue that those of the build before served.
func Promote(ctx context.Context, c client.Client, t config.Temporal) error {
	deployment := c.WorkerDeploymentClient().GetHandle(t.Deployment)
	err := until(ctx, func() (bool, error) {
		_, err := deployment.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: t.BuildID})
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("build %s of deployment %s: %w", t.BuildID, t.Deployment, err)
	}
	return nil
}
