package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cis/config"
	"cis/service"
	"cis/vault/dynamo"
)

// tables says where DynamoDB is, and what the tables' names begin with.
func tables(ctx context.Context, f config.Flags) (at aws.Config, prefix string, err error) {
	c, err := keeping(f)
	if err != nil {
		return at, "", err
	}
	if c.Vault.Driver != config.VaultDynamoDB {
		return at, "", errNoTables
	}
	at, err = service.DynamoDB(ctx, c.Vault)
	return at, c.TablePrefix(), err
}

var errNoTables = errors.New("vault.driver is sqlite, and such a vault has no tables: for one in DynamoDB set vault.driver to dynamodb")

// initialize is "cis vault init".
type initialize struct{ config.Flags }

// Help is the command's long help.
func (initialize) Help() string {
	return `Creates ENVIRONMENT-identity-vault, as the original system has it, and
ENVIRONMENT-identity-vault-index, and waits until they can be used. Where
vault.table-prefix is set it takes the place of the environment. A table that
exists is left as it is: "cis vault check" says whether it is right. A vault
that the original system has filled is to be reindexed then ("cis vault
reindex"). Backups (point-in-time recovery) are yours to switch on.`
}

// Run implements the command.
func (i initialize) Run(ctx context.Context) error {
	at, prefix, err := tables(ctx, i.Flags)
	if err != nil {
		return err
	}
	created, err := dynamo.Init(ctx, at, prefix)
	for _, table := range created {
		fmt.Printf("Table %s was created.\n", table)
	}
	if err == nil && len(created) == 0 {
		fmt.Println("Both tables exist, there was nothing to do.")
	}
	return err
}

// check is "cis vault check".
type check struct{ config.Flags }

// Help is the command's long help.
func (check) Help() string {
	return `Compares the tables that exist with what they must be, and prints every
difference. The exit code is 1 when there are some.`
}

// Run implements the command.
func (c check) Run(ctx context.Context) error {
	at, prefix, err := tables(ctx, c.Flags)
	if err != nil {
		return err
	}
	differences, err := dynamo.Check(ctx, at, prefix)
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
