package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"cis/payload"
)

type payloadKeysCommands struct {
	Create createPayloadKeys `cmd:"" help:"Make a file with a new key."`
}

type createPayloadKeys struct {
	File string `arg:"" help:"The file, which must not be there yet." placeholder:"FILE"`
}

// Help is the command's long help.
func (createPayloadKeys) Help() string {
	return `Everybody who has the file can read all histories, and without it nobody can:
keep a copy where the backups are not. Every process of cis needs the same
file; encryption.key-file names it.`
}

// Run implements the command.
func (c createPayloadKeys) Run() error {
	err := payload.CreateKeyFile(c.File, time.Now())
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is left as it is: histories may be encrypted with its keys", c.File)
	}
	if err != nil {
		return fmt.Errorf("the key file cannot be made: %w", err)
	}
	fmt.Printf("%s was made. Set encryption.key-file to it for every process.\n", c.File)
	return nil
}
