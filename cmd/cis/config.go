package main

import (
	"os"

	"cis/config"
)

type configCommands struct {
	Show showConfig `cmd:"" help:"Print the configuration that is in effect, without its secrets, and where each setting is from."`
}

type showConfig struct {
	config.Flags
}

// Run implements the command. What is wrong for "cis serve" is its error.
func (c showConfig) Run() error {
	loaded := config.Load(c.Flags, os.LookupEnv)
	text, err := loaded.YAML()
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return err
	}
	return loaded.Check(config.ServesAPI | config.Works)
}
