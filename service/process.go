package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"cis/config"
	"cis/health"
	"cis/profile"
	"cis/signing"
	"cis/tlsfiles"
	"cis/worker"
)

// Run is a process of cis: it serves what its role says until ctx ends, and
// then stops within the grace period.
func Run(ctx context.Context, c *config.Config, role config.Role, logger *slog.Logger) error {
	p := &running{
		role: role, failed: make(chan error, 1),
		Parts: Parts{Config: c, Version: Version(), Logger: logger},
	}
	// What goes on in the background does so until everything else has stopped.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.closers.add(cancel)
	if err := p.watch(background); err != nil {
		p.closers.close()
		return err
	}
	if err := p.open(background); err != nil {
		p.closers.close()
		return err
	}
	if err := p.listen(); err != nil {
		p.closers.close()
		return err
	}
	logger.Info("started", "version", p.Version, "environment", c.Environment, "admin", p.admin.Addr().String())
	if role&config.Works != 0 {
		p.startWorkers(ctx)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-p.failed:
		logger.Error("this process cannot go on", "error", err)
	}
	p.stop()
	return err
}

// running is a process with what it holds.
type running struct {
	Parts
	role   config.Role
	failed chan error // the first thing that the process cannot go on without

	admin   net.Listener
	api     *Server // nil where there is none
	closers closers

	starting    sync.WaitGroup
	cancelStart context.CancelFunc
	workers     atomic.Pointer[worker.Workers] // nil until they have started
}

// closers are closed in the reverse of the order they were opened in.
type closers []func()

func (c *closers) add(close func()) { *c = append(*c, close) }

func (c *closers) close() {
	for len(*c) > 0 {
		last := (*c)[len(*c)-1]
		*c = (*c)[:len(*c)-1]
		last()
	}
}

// open opens what the role needs.
func (p *running) open(background context.Context) (err error) {
	c := p.Config
	if p.Vault, err = Vault(background, c); err != nil {
		return err
	}
	p.closers.add(func() { _ = p.Vault.Close() })
	p.Vault = p.Watch.Metrics.Vault(p.Vault)
	if p.Codec, err = Codec(background, c.Encryption, p.log("encryption")); err != nil {
		return err
	}
	if p.Temporal, err = Temporal(c, p.Codec, p.Logger, p.Watch); err != nil {
		return err
	}
	p.closers.add(p.Temporal.Close)
	checks := p.commonChecks()
	if p.role&config.ServesAPI != 0 {
		p.Tokens = Tokens(c)
		checks = p.APIChecks()
	}
	if p.role&config.Works != 0 {
		if p.Signer, err = signing.ParseSigner(profile.CIS, []byte(c.Signing.Key.Reveal())); err != nil {
			return fmt.Errorf("signing.key: %w", err)
		}
		if p.Directory, err = Directory(c.Directory); err != nil {
			return err
		}
		p.closers.add(p.Directory.Close)
		p.OnFatalError = p.fail
		checks = append(checks, health.Check{Name: "workers", Ask: p.working})
	}
	keys := newDocumentKeys(background, c.Publishers, p.Signer, p.log("keys"))
	p.KeySets = keys
	p.Health = health.New(p.log("health"), append(checks, health.Check{Name: "publishers", Ask: keys.Ready})...)
	p.expose(keys)
	if p.role&config.Works != 0 {
		go p.countOpen(background)
	}
	return nil
}

// fail says that the process cannot go on. Only the first reason counts.
func (p *running) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// listen starts to serve: at first what tells how the process is.
func (p *running) listen() (err error) {
	c := p.Config
	if p.admin, err = net.Listen("tcp", c.Admin.Listen); err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	admin := NewServer(p.adminHandler(), p.log("admin"))
	p.closers.add(func() { _ = admin.Close() })
	p.serve(admin, p.admin)
	if p.role&config.ServesAPI == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", c.API.Listen)
	if err != nil {
		return fmt.Errorf("api.listen: %w", err)
	}
	p.closers.add(func() { _ = listener.Close() })
	p.api = NewServer(p.API(), p.log("api"))
	if c.API.TLS.Given() {
		pair, err := tlsfiles.Load(c.API.TLS.CertFile, c.API.TLS.KeyFile, p.log("api"))
		if err != nil {
			return fmt.Errorf("api.tls: %w", err)
		}
		p.api.TLSConfig = pair.ForServer()
	}
	p.serve(p.api, listener)
	return nil
}

func (p *running) serve(s *Server, at net.Listener) {
	serve := func() error { return s.Serve(at) }
	if s.TLSConfig != nil {
		serve = func() error { return s.ServeTLS(at, "", "") }
	}
	go func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			p.fail(err)
		}
	}()
}
