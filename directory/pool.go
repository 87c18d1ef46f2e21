package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"

	"github.com/go-ldap/ldap/v3"
)

// pool lends connections, a bounded number at a time. A connection that failed
// for another reason than the server's answer is not lent again.
type pool struct {
	config Config
	tls    *tls.Config
	slots  chan struct{}

	mu     sync.Mutex
	idle   []*ldap.Conn
	closed bool
}

func newPool(c Config) *pool {
	p := &pool{config: c, tls: &tls.Config{}, slots: make(chan struct{}, max(1, c.Connections))}
	if c.TLS != nil {
		p.tls = c.TLS.Clone()
	}
	if at, err := url.Parse(c.URL); err == nil && p.tls.ServerName == "" {
		p.tls.ServerName = at.Hostname() // StartTLS does not know it
	}
	return p
}

// do runs an operation on a connection. When an idle one turns out to have
// been closed by the server, the operation is tried once more on a new one.
func (p *pool) do(ctx context.Context, operation func(*ldap.Conn) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c := p.takeIdle(); c != nil {
		err := p.run(ctx, c, operation)
		if !broken(err) || ctx.Err() != nil {
			return err
		}
	}
	c, err := p.dial(ctx)
	if err != nil {
		return err
	}
	return p.run(ctx, c, operation)
}

// run closes the connection when the caller's context ends first, which makes
// the operation return.
func (p *pool) run(ctx context.Context, c *ldap.Conn, operation func(*ldap.Conn) error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	err := operation(c)
	if !stop() {
		return errors.Join(ctx.Err(), err)
	}
	if broken(err) {
		_ = c.Close()
		return err
	}
	p.giveBack(c)
	return err
}

// broken tells errors of the connection from answers of the server.
func broken(err error) bool {
	if err == nil {
		return false
	}
	answered, ok := errors.AsType[*ldap.Error](err)
	return !ok || answered.ResultCode >= ldap.ErrorNetwork
}

func (p *pool) dial(ctx context.Context) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: p.config.Timeout}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	c, err := ldap.DialURL(p.config.URL, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(p.tls))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", p.config.URL, err)
	}
	c.SetTimeout(p.config.Timeout)
	if p.config.StartTLS {
		if err := c.StartTLS(p.tls); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("changing to TLS with %s: %w", p.config.URL, err)
		}
	}
	if err := c.Bind(p.config.BindDN, p.config.Password); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("binding to %s as %s: %w", p.config.URL, p.config.BindDN, err)
	}
	return c, nil
}

func (p *pool) takeIdle() *ldap.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !c.IsClosing() {
			return c
		}
	}
	return nil
}

func (p *pool) giveBack(c *ldap.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
}
