package main

import (
	"context"
	"fmt"

	"cis/vault/dynamo"
)

// initialize is "cis vault init".
type initialize struct{ tables }

// Help is the command's long help.
func (initialize) Help() string {
	return `Creates ENVIRONMENT-identity-vault, as the original system has it, and
ENVIRONMENT-identity-vault-index, and waits until they can be used. A table that
exists is left as it is: "cis vault check" says whether it is right. A vault
that the original system has filled is to be reindexed then ("cis vault
reindex"). Backups (point-in-time recovery) are yours to switch on.`
}

// Run implements the command.
func (i initialize) Run(ctx context.Context) error {
	c, err := i.config(ctx)
	if err != nil {
		return err
	}
	created, err := dynamo.Init(ctx, c, i.Environment)
	for _, table := range created {
		fmt.Printf("Table %s was created.\n", table)
	}
	if err == nil && len(created) == 0 {
		fmt.Println("Both tables exist, there was nothing to do.")
	}
	return err
}

// check is "cis vault check".
type check struct{ tables }

// Help is the command's long help.
func (check) Help() string {
	return `Compares the tables that exist with what they must be, and prints every
difference. The exit code is 1 when there are some.`
}

// Run implements the command.
func (c check) Run(ctx context.Context) error {
	aws, err := c.config(ctx)
	if err != nil {
		return err
	}
	differences, err := dynamo.Check(ctx, aws, c.Environment)
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Println(d)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d differences", len(differences))
	}
	fmt.Println("Both tables are as they must be.")
	return nil
}
