package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"cis/change"
	"cis/vault"
	"cis/workflows"
)

// Changes carries change sets out: a workflows.Submitter.
type Changes interface {
	Submit(context.Context, change.Set) (change.Result, error)
	Status(context.Context, change.Number) (workflows.Status, error)
	Ping(context.Context) error
}

// Options are what the API serves and is served by.
type Options struct {
	Changes Changes
	Vault   vault.Store
	Tokens  *Tokens
	// WellKnown, ProfileSchema and PublisherRules are the three documents
	// under /.well-known.
	WellKnown, ProfileSchema, PublisherRules []byte
	// Version is what /v2/version tells.
	Version string
	// Deadline is how long a publisher waits for integration before the
	// answer is 202.
	Deadline time.Duration
	Logger   *slog.Logger
}

// ScopeWrite is the scope that submitting changes needs, ScopeOperate that of
// operators.
const (
	ScopeWrite   = "write"
	ScopeOperate = "operate"
)

type server struct{ Options }

// New returns the handler of all routes.
func New(o Options) http.Handler {
	s := &server{o}
	r := gin.New()
	r.Use(s.log, s.recover)
	r.UseRawPath, r.UnescapePathValues = true, false
	r.HandleMethodNotAllowed = true
	r.NoRoute(func(c *gin.Context) {
		fail(c, newError(http.StatusNotFound, "not_found", "there is nothing at this path"))
	})
	r.NoMethod(func(c *gin.Context) {
		fail(c, newError(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed for the requested URL."))
	})

	r.GET("/healthz", s.healthz)
	r.GET("/readyz", s.readyz)
	r.GET("/.well-known/mozilla-iam", document(o.WellKnown))
	r.GET("/.well-known/profile.schema", document(o.ProfileSchema))
	r.GET("/.well-known/mozilla-iam-publisher-rules", document(o.PublisherRules))

	r.GET("/v2", s.banner)
	r.GET("/v2/version", s.version)
	r.GET("/v2/status", o.Tokens.optional, s.status)
	r.POST("/v2/user", o.Tokens.required, scope(ScopeWrite), s.submitOne)
	r.PUT("/v2/user", o.Tokens.required, scope(ScopeWrite), s.submitOne)
	for kind, find := range map[string]lookup{
		"user_id":          s.byUserID,
		"uuid":             s.byKey(vault.KeyUUID),
		"primary_email":    s.byKey(vault.KeyPrimaryEmail),
		"primary_username": s.byKey(vault.KeyPrimaryUsername),
	} {
		r.GET("/v2/user/"+kind+"/:value", o.Tokens.required, s.person(find))
	}
	r.GET("/v2/user/metadata/:email", s.metadata)
	return r
}

func (s *server) banner(c *gin.Context) {
	c.String(http.StatusOK, "Mozilla Change Integration Service Endpoint")
}

func (s *server) version(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"message": s.Version})
}

func document(content []byte) gin.HandlerFunc {
	return func(c *gin.Context) { c.Data(http.StatusOK, "application/json", content) }
}

// healthz tells that the process runs.
func (s *server) healthz(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// readyz tells whether requests can be served: Temporal and the vault answer.
func (s *server) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 3*time.Second)
	defer cancel()
	checks := gin.H{"temporal": "ok", "vault": "ok"}
	status := http.StatusOK
	for name, ping := range map[string]func(context.Context) error{"temporal": s.Changes.Ping, "vault": s.Vault.Ping} {
		if err := ping(ctx); err != nil {
			s.Logger.Warn("not ready", "part", name, "error", err)
			checks[name], status = "unavailable", http.StatusServiceUnavailable
		}
	}
	c.JSON(status, checks)
}

// log writes a line for each request: its route, never its path, which may
// name a person.
func (s *server) log(c *gin.Context) {
	start := time.Now()
	c.Next()
	s.Logger.Info("request", "method", c.Request.Method, "route", c.FullPath(), "status", c.Writer.Status(),
		"client", callerOf(c).client, "duration", time.Since(start))
}

// recover answers 500 where a handler panics, and says nothing of why.
func (s *server) recover(c *gin.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Logger.Error("panic", "route", c.FullPath(), "cause", cause)
			fail(c, newError(http.StatusInternalServerError, "internal_error", "the server made a mistake; it has been logged"))
		}
	}()
	c.Next()
}
