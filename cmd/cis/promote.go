package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"cis/config"
	"cis/service"
)

// promote is "cis temporal promote".
type promote struct {
	config.Flags
	Timeout time.Duration `help:"How long to wait for the build's workers." default:"1m"`
}

// Help is the command's long help.
func (promote) Help() string {
	return `It makes the build that temporal.build-id names the current one of its
deployment: new changes go to its workers, and those under way with their next
step. Its workers must run by then, and those of the build before may stop after
it. Run it with the build before to go back.`
}

// Run implements the command.
func (p promote) Run(ctx context.Context) error {
	loaded := config.Load(p.Flags, os.LookupEnv)
	if err := loaded.Check(0); err != nil {
		return err
	}
	if loaded.Temporal.BuildID == "" {
		return errNoBuild
	}
	client, err := service.Temporal(&loaded.Config, nil, newLogger(loaded), service.Watch{})
	if err != nil {
		return err
	}
	defer client.Close()
	bounded, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if err := service.Promote(bounded, client, loaded.Temporal); err != nil {
		return err
	}
	fmt.Printf("Build %s of deployment %s has the changes from now on.\n", loaded.Temporal.BuildID, loaded.Temporal.Deployment)
	return nil
}

var errNoBuild = errors.New("say which build: temporal.build-id is not set")
