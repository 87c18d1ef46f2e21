package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"cis/config"
)

// readyCommand is for those who cannot ask by HTTP themselves, such as the
// health checks of containers: the image has no other program.
type readyCommand struct {
	config.Flags
	Timeout time.Duration `help:"How long to wait for the answer." default:"5s"`
}

// Run implements the command.
func (c readyCommand) Run(ctx context.Context) error {
	loaded := config.Load(c.Flags, os.LookupEnv)
	if err := loaded.Check(0); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(loaded.Admin.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(bounded, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it is not ready: %s", response.Status)
	}
	return nil
}
