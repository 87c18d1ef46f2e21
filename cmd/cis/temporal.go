package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"cis/config"
	"cis/service"
)

type temporalCommands struct {
	Init    initTemporal `cmd:"" help:"Make the namespace ready: its retention and search attributes."`
	Promote promote      `cmd:"" help:"Let Temporal give changes to a build from now on."`
}

type initTemporal struct {
	config.Flags
	Retention time.Duration `help:"How long finished changes are kept; a namespace that is there keeps its own if this is not set, a new one has 720h."`
	Timeout   time.Duration `help:"How long to wait for Temporal." default:"1m"`
}

// Help is the command's long help.
func (initTemporal) Help() string {
	return `It registers the namespace that temporal.namespace names, where it is missing,
and the search attributes that it lacks, and says what it did. It can be run
again at any time, also while CIS runs. CIS has no schedules yet, so it makes
none. On Temporal Cloud it only says what is to be done by hand.`
}

// Run implements the command.
func (c initTemporal) Run(ctx context.Context) error {
	loaded := config.Load(c.Flags, os.LookupEnv)
	if err := loaded.Check(0); err != nil {
		return err
	}
	if service.IsCloud(loaded.Temporal.Address) {
		fmt.Print(service.CloudSteps(loaded.Temporal.Namespace))
		return service.ErrByHand
	}
	client, err := service.Temporal(&loaded.Config, nil, newLogger(loaded), service.Watch{})
	if err != nil {
		return err
	}
	defer client.Close()
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	namespace := service.Namespace{
		Client: client, Name: loaded.Temporal.Namespace, Retention: c.Retention, Say: func(what string) { fmt.Println(what) },
	}
	if err := namespace.Prepare(bounded); err != nil {
		return fmt.Errorf("temporal at %s: %w", loaded.Temporal.Address, err)
	}
	return nil
}
