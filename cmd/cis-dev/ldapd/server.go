package ldapd

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

// Options say where the directory listens and what it holds.
type Options struct {
	// Addr is where it listens; port 0 takes a free one.
	Addr string
	// File is the SQLite file; it is made when it is not there.
	File string
	// BaseDN is the tree's root; ou=people and ou=groups are made below it.
	BaseDN string
	// BindDN and Password are who may write.
	BindDN, Password string
	Logger           *slog.Logger
}

// Server is a running directory.
type Server struct {
	options Options
	front   *front
	tree    *tree
	ldap    *gldap.Server
	ended   chan struct{}

	mu      sync.Mutex
	writers map[int]bool // connections bound as BindDN
}

// Start starts a directory.
func Start(o Options) (*Server, error) {
	front, err := newFront(o.Addr)
	if err != nil {
		return nil, err
	}
	t, err := openTree(o.File, o.BaseDN)
	if err != nil {
		front.close()
		return nil, fmt.Errorf("%s: %w", o.File, err)
	}
	s := &Server{options: o, front: front, tree: t, ended: make(chan struct{}), writers: map[int]bool{}}
	if err := s.serve(); err != nil {
		front.close()
		t.close()
		return nil, err
	}
	return s, nil
}

// free finds a free port on loopback: the LDAP library listens itself.
func free() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func (s *Server) serve() error {
	mux, err := gldap.NewMux()
	if err != nil {
		return err
	}
	for _, register := range []func() error{
		func() error { return mux.Bind(s.bind) },
		func() error { return mux.Search(s.search) },
		func() error { return mux.Add(s.add) },
		func() error { return mux.Modify(s.modify) },
		func() error { return mux.Delete(s.remove) },
		func() error { return mux.DefaultRoute(refuse) },
	} {
		if err := register(); err != nil {
			return err
		}
	}
	if s.ldap, err = gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()), gldap.WithOnClose(s.forget)); err != nil {
		return err
	}
	if err := s.ldap.Router(mux); err != nil {
		return err
	}
	behind, err := free()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		defer close(s.ended)
		failed <- s.ldap.Run(behind)
	}()
	if err := s.await(failed); err != nil {
		return err
	}
	s.front.serve(behind)
	return nil
}

// await waits until the server listens.
func (s *Server) await(failed <-chan error) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !s.ldap.Ready() {
		select {
		case err := <-failed:
			return err
		case <-ticker.C:
		}
	}
	return nil
}

// Addr is where the directory listens.
func (s *Server) Addr() string { return s.front.listener.Addr().String() }

// Stop ends the server and closes its file.
func (s *Server) Stop() {
	s.front.close()
	if err := s.ldap.Stop(); err != nil {
		s.options.Logger.Warn("stopping the directory", "error", err)
	}
	<-s.ended
	s.tree.close()
}

func (s *Server) forget(connection int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writers, connection)
}

func (s *Server) setWriter(connection int, may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers[connection] = may
}

func (s *Server) mayWrite(connection int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writers[connection]
}
