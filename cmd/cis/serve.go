package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/gin-gonic/gin"

	"cis/config"
	"cis/logs"
	"cis/service"
)

type apiCommand struct{ config.Flags }

// Run implements the command.
func (c apiCommand) Run(ctx context.Context) error { return run(ctx, c.Flags, config.ServesAPI) }

type workerCommand struct{ config.Flags }

// Run implements the command.
func (c workerCommand) Run(ctx context.Context) error { return run(ctx, c.Flags, config.Works) }

type serveCommand struct{ config.Flags }

// Run implements the command.
func (c serveCommand) Run(ctx context.Context) error {
	return run(ctx, c.Flags, config.ServesAPI|config.Works)
}

func run(ctx context.Context, f config.Flags, role config.Role) error {
	loaded := config.Load(f, os.LookupEnv)
	if err := loaded.Check(role); err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	return service.Run(ctx, &loaded.Config, role, newLogger(loaded))
}

func newLogger(c *config.Loaded) *slog.Logger {
	return logs.New(os.Stderr, c.LogLevel)
}
