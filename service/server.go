package service

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server serves HTTP, with the time limits that keep slow clients from holding
// connections.
type Server struct {
	http.Server
	// hurry ends the contexts of the requests.
	hurry context.CancelFunc
}

// NewServer returns a server that serves the handler.
func NewServer(handler http.Handler, logger *slog.Logger) *Server {
	requests, hurry := context.WithCancel(context.Background())
	return &Server{http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}, hurry}
}

// Stop takes no more connections and lets requests come to their end. Those
// that have not after finish are told to hurry: what waits for a change is
// answered that it was accepted. After finish + hurry connections are closed.
func (s *Server) Stop(finish, hurry time.Duration) {
	defer s.hurry()
	if s.within(finish) {
		return
	}
	s.hurry()
	if !s.within(hurry) {
		_ = s.Close()
	}
}

// within shuts the server down, and tells whether all requests came to their
// end in that time.
func (s *Server) within(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.Shutdown(ctx) == nil
}
