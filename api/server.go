package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"cis/change"
	"cis/health"
	"cis/logs"
	"cis/metrics"
	"cis/vault"
	"cis/workflows"
)

// Changes carries change sets out: a workflows.Submitter.
type Changes interface {
	Submit(context.Context, change.Set) (change.Result, error)
	Hold(context.Context, change.Set) (workflows.Part, change.Result, error)
	Release(context.Context, workflows.Part) (*workflows.Released, error)
	Abandon(context.Context, workflows.Part) error
	Status(context.Context, change.Number) (workflows.Status, error)
	Person(userID string) string
	Ping(context.Context) error
}

// Options are what the API serves and is served by.
type Options struct {
	Changes Changes
	Vault   vault.Store
	Tokens  *Tokens
	// Health answers /healthz and /readyz, for load balancers that ask where
	// they send requests to.
	Health *health.Checks
	// ProfileSchema and PublisherRules are documents under /.well-known;
	// WellKnown makes the third. It fails while the publishers' keys are not to be had.
	ProfileSchema, PublisherRules []byte
	WellKnown                     func() ([]byte, error)
	// Version is what /v2/version tells.
	Version string
	// Deadline is how long a publisher waits for the integration of one change
	// before the answer is 202, and BatchDeadline how long for the verification
	// of many, and again for their integration.
	Deadline, BatchDeadline time.Duration
	// AllowDelete lets people be deleted.
	AllowDelete bool
	// PersonHost is the host name of the Person API, where it is not that of
	// the Change API: what each of them says of itself is then its own, and
	// changes are not taken there.
	PersonHost string
	// KeptAnswers is how many bytes of answers to look-ups are kept for whoever
	// asks again.
	KeptAnswers int
	// Codec serves Temporal's web UI.
	Codec  Codec
	Limits Limits
	Logger *slog.Logger
	// Metrics count requests, and Tracer makes a span of each; nil for none.
	Metrics *metrics.Metrics
	Tracer  trace.Tracer
}

// ScopeWrite is the scope that submitting changes needs, ScopeOperate that of
// operators.
const (
	ScopeWrite   = "write"
	ScopeOperate = "operate"
)

type server struct {
	Options
	answers *answers
}

// New returns the handler of all routes.
func New(o Options) http.Handler { return headAsGet(newRouter(o)) }

func newRouter(o Options) *gin.Engine {
	o.Changes = newBounded(o.Changes, o.Limits)
	s := &server{o, newAnswers(o.KeptAnswers)}
	limit := newRates(o.Limits).limit
	r := gin.New()
	r.Use(s.identify, s.log, s.recover, crossOrigin(o.Codec), wellFormed)
	r.UseRawPath, r.UnescapePathValues = true, false
	r.HandleMethodNotAllowed, r.RedirectTrailingSlash = true, false
	r.NoRoute(nothing)
	r.NoMethod(notAllowed)

	r.GET("/healthz", gin.WrapF(o.Health.Healthz))
	r.GET("/readyz", s.readyz)
	r.GET("/.well-known/mozilla-iam", s.wellKnown)
	r.GET("/.well-known/profile.schema", document("application/json", o.ProfileSchema))
	r.GET("/.well-known/mozilla-iam-publisher-rules", document("application/json", o.PublisherRules))
	r.GET("/openapi.yaml", document("application/yaml", openAPI))
	r.GET("/docs", docsPage(file(docsFiles, "docs/index.html")))
	r.GET("/docs/:asset", docsAsset)

	r.GET("/v2", s.banner)
	r.GET("/v2/version", s.version)

	open := r.Group("/v2", o.Tokens.optional, limit)
	open.GET("/status", s.status)
	open.GET("/user/metadata/:email", s.metadata)

	write := r.Group("/v2", s.changeHost, o.Tokens.required, limit, scope(ScopeWrite))
	write.POST("/user", s.submitOne)
	write.PUT("/user", s.submitOne)
	write.POST("/users", s.submitMany)
	write.PUT("/users", s.submitMany)
	if o.AllowDelete {
		write.DELETE("/user", s.delete)
	}

	read := r.Group("/v2", o.Tokens.required, limit)
	read.GET("/users", s.users)
	read.GET("/users/id/all", s.identities)
	read.GET("/users/id/all/by_attribute_contains", s.search)
	for _, key := range []vault.Key{vault.KeyUserID, vault.KeyUUID, vault.KeyPrimaryEmail, vault.KeyPrimaryUsername} {
		read.GET("/user/"+string(key)+"/:value", s.person(key))
	}
	graph := r.Group("/graphql", o.Tokens.required, limit)
	answer := s.graphql(s.newGraph())
	graph.GET("", answer)
	graph.POST("", answer)
	if o.Codec.Payloads != nil {
		codec := r.Group(codecPath, o.Tokens.required, limit, scope(ScopeDecode))
		codec.POST("/decode", o.Codec.serve)
		codec.POST("/encode", o.Codec.serve)
	}
	return r
}

// headAsGet answers HEAD wherever there is a GET: net/http leaves the body out.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// nothing answers that the path leads nowhere.
func nothing(c *gin.Context) {
	fail(c, newError(http.StatusNotFound, "not_found", "there is nothing at this path"))
}

// changeHost keeps what only the Change API has from the Person API's host.
func (s *server) changeHost(c *gin.Context) {
	if s.atPersonHost(c) {
		c.Header("Allow", http.MethodGet)
		notAllowed(c)
	}
}

// notAllowed answers that the path does not take the method.
func notAllowed(c *gin.Context) {
	fail(c, newError(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed for the requested URL."))
}

// atPersonHost tells whether a request is for the Person API alone.
func (s *server) atPersonHost(c *gin.Context) bool {
	return s.PersonHost != "" && c.Request.Host == s.PersonHost
}

// crossOrigin lets web pages of any origin call, also those that ask the
// browser to send cookies along, as the original does. There are no cookies:
// nobody's rights are in a request but by the token that the page itself sends.
// Histories are decoded for the pages of one origin alone.
func crossOrigin(codec Codec) gin.HandlerFunc {
	return cors.New(cors.Config{
		AllowOriginWithContextFunc: func(c *gin.Context, origin string) bool {
			return codec.fromHere(c.Request.URL.Path, origin)
		},
		AllowCredentials: true,
		AllowMethods:     []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"},
		AllowHeaders: []string{
			"x-requested-with", "content-type", "accept", "origin", "authorization", "x-csrftoken", "withcredentials",
			"cache-control", "cookie", "session-id", "if-none-match", "idempotency-key", "x-request-id", "traceparent",
			"x-namespace", "authorization-extras", // Temporal's web UI sends these
		},
		ExposeHeaders:             []string{"ETag", "Retry-After", "X-Request-Id", "X-Sequence-Number", "Traceparent"},
		MaxAge:                    10 * time.Minute,
		OptionsResponseStatusCode: http.StatusOK,
	})
}

func (s *server) banner(c *gin.Context) {
	if s.atPersonHost(c) {
		c.String(http.StatusOK, "Mozilla Profile Retrieval Service Endpoint")
		return
	}
	c.String(http.StatusOK, "Mozilla Change Integration Service Endpoint")
}

func (s *server) version(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"message": s.Version})
}

func document(media string, content []byte) gin.HandlerFunc {
	return func(c *gin.Context) { c.Data(http.StatusOK, media, content) }
}

// wellKnown serves /.well-known/mozilla-iam.
func (s *server) wellKnown(c *gin.Context) {
	text, err := s.WellKnown()
	if err != nil {
		s.Logger.ErrorContext(c.Request.Context(), "the well-known document cannot be made", "error", err)
		fail(c, unavailable("the publishers' keys cannot be had, try again later"))
		return
	}
	c.Data(http.StatusOK, "application/json", text)
}

// readyz tells whether requests can be served.
func (s *server) readyz(c *gin.Context) {
	deadlineOf(c).answer(health.Within)
	s.Health.Readyz(c.Writer, c.Request)
}

// recover answers 500 where a handler panics, and says nothing of why.
func (s *server) recover(c *gin.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Logger.ErrorContext(c.Request.Context(), "panic", "route", c.FullPath(), logs.Panic(cause))
			fail(c, newError(http.StatusInternalServerError, "internal_error", "the server made a mistake; it has been logged"))
		}
	}()
	c.Next()
}
