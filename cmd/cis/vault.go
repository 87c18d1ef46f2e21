package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"cis/activities"
	"cis/config"
	"cis/service"
	"cis/vault"
)

type vaultCommands struct {
	Init    initialize `cmd:"" help:"Create the vault's DynamoDB tables."`
	Check   check      `cmd:"" help:"Compare the vault's DynamoDB tables with what they must be."`
	Reindex reindex    `cmd:"" help:"Make the search index entries of everybody who has none."`
}

// keeping is the configuration of a command that looks after the vault.
func keeping(f config.Flags) (*config.Config, error) {
	loaded := config.Load(f, os.LookupEnv)
	return &loaded.Config, loaded.Check(config.KeepsVault)
}

type reindex struct{ config.Flags }

// Help is the command's long help.
func (reindex) Help() string {
	return `A vault that an older version or the original system has written has no search
index, and refuses to be searched until it does. CIS may run meanwhile. Where
this is stopped it goes on when it is run again.`
}

// Run implements the command.
func (r reindex) Run(ctx context.Context) error {
	c, err := keeping(r.Flags)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Vault.File); c.Vault.Driver == config.VaultSQLite && err != nil {
		return fmt.Errorf("vault.file: %w", err) // opening would make one
	}
	store, err := service.Vault(ctx, c)
	if err != nil {
		return err
	}
	defer store.Close()
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("people"),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("people"),
		progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond))
	indexed, unreadable := 0, []string{}
	terms := activities.SearchTerms(func(r vault.Record) { unreadable = append(unreadable, r.SequenceNumber) })
	err = vault.Reindex(ctx, store, terms, func(done, total int) {
		indexed = done
		if total > 0 {
			bar.ChangeMax(total)
			_ = bar.Set(done)
		}
	})
	if indexed > 0 {
		fmt.Fprintln(os.Stderr)
	}
	if err != nil {
		return err
	}
	if indexed == 0 {
		fmt.Println("The search index is complete, there was nothing to do.")
		return nil
	}
	fmt.Printf("%d people were indexed. The search index is complete.\n", indexed)
	if len(unreadable) > 0 {
		return fmt.Errorf("%d profiles cannot be read, and are found by nothing: those that the changes with these sequence numbers stored: %s",
			len(unreadable), strings.Join(unreadable, ", "))
	}
	return nil
}
