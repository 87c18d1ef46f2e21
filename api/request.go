package api

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"cis/change"
	"cis/logs"
	"cis/tracing"
)

// A request has an id, the client's (X-Request-Id) or a new one, which the
// answer carries back; and a place in a trace (W3C Trace Context), which is the
// client's with a span of our own, or a new one. Where no traces are made the
// place is passed on all the same, so that what others record hangs together.

const (
	requestIDHeader = "X-Request-Id"
	traceHeader     = "traceparent"

	requestIDKey = "request id"
	traceKey     = "traceparent"
	// What the request turned out to be about: an error's code, the sequence
	// number of a change and the pseudonym of its person.
	codeKey   = "code"
	changeKey = "change"
	personKey = "person"
)

var (
	validRequestID = regexp.MustCompile(`^[A-Za-z0-9._:/+=-]{1,128}$`)
	// validTrace are version, trace id, span id and flags; ids of zeros alone
	// are not valid, and the version ff does not exist.
	validTrace = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})`)
)

func (s *server) identify(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !validRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	c.Request = c.Request.WithContext(logs.Of(c.Request.Context(), id))
	place := ""
	if s.Tracer == nil {
		place = continued(c.GetHeader(traceHeader))
	} else {
		span := s.startSpan(c, id)
		defer endSpan(c, span)
		place = tracing.Parent(c.Request.Context())
	}
	c.Set(requestIDKey, id)
	c.Set(traceKey, place)
	c.Header(requestIDHeader, id)
	c.Header(traceHeader, place)
	c.Next()
}

// startSpan starts the request's span, and makes it that of its context.
func (s *server) startSpan(c *gin.Context, id string) trace.Span {
	ctx := tracing.Within(c.Request.Context(), c.GetHeader(traceHeader))
	ctx, span := s.Tracer.Start(ctx, c.Request.Method+" "+c.FullPath(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(c.Request.Method), semconv.HTTPRoute(c.FullPath()), tracing.Request.String(id)))
	c.Request = c.Request.WithContext(ctx)
	return span
}

// endSpan ends the request's span with what became known of it.
func endSpan(c *gin.Context, span trace.Span) {
	status := c.Writer.Status()
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	if number := c.GetString(changeKey); number != "" {
		span.SetAttributes(tracing.Change.String(number), tracing.Person.String(c.GetString(personKey)))
	}
	if code := c.GetString(codeKey); code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
	}
	span.End()
}

// about notes which change a request is about, and whom.
func (s *server) about(c *gin.Context, set change.Set) {
	c.Set(changeKey, string(set.Number))
	c.Set(personKey, s.Changes.Person(set.Changes[0].UserID))
}

// continued returns the traceparent of our own span: of the parent's trace, or
// of a new one where the parent is none.
func continued(parent string) string {
	flags, trace := "00", ""
	if m := validTrace.FindStringSubmatch(parent); m != nil && m[1] != "ff" && !zeros(m[2]) && !zeros(m[3]) {
		trace, flags = m[2], m[4]
	}
	if trace == "" {
		trace = randomHex(16)
	}
	return "00-" + trace + "-" + randomHex(8) + "-" + flags
}

func zeros(s string) bool {
	for _, r := range s {
		if r != '0' {
			return false
		}
	}
	return true
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// log writes a line for each request, and counts it: its route, never its path,
// which may name a person.
func (s *server) log(c *gin.Context) {
	start := time.Now()
	c.Next()
	took, code := time.Since(start), c.GetString(codeKey)
	s.Metrics.Request(c.FullPath(), c.Request.Method, c.Writer.Status(), code, took)
	known := append(make([]slog.Attr, 0, 9),
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()),
		slog.String("client", callerOf(c).client), slog.Duration("duration", took), slog.String("traceparent", c.GetString(traceKey)))
	if code != "" {
		known = append(known, slog.String("code", code))
	}
	if number := c.GetString(changeKey); number != "" {
		known = append(known, slog.String(logs.Change, number), slog.String(logs.Person, c.GetString(personKey)))
	}
	s.Logger.LogAttrs(c.Request.Context(), slog.LevelInfo, "request", known...)
}

// deadline is until when a connection must have been read from and written to.
// The server's own time limits are for requests that are answered at once.
type deadline struct{ *http.ResponseController }

func deadlineOf(c *gin.Context) deadline { return deadline{http.NewResponseController(c.Writer)} }

// A connection that cannot have deadlines needs none: it is a test's. So the
// errors below are nobody's.

// read lets the client take so long for what it sends next, and as long again
// for the answer.
func (d deadline) read(within time.Duration) {
	_ = d.SetReadDeadline(time.Now().Add(within))
	_ = d.SetWriteDeadline(time.Now().Add(2 * within))
}

// answer gives the handler of a request that has been read so long, and the
// client some more to take the answer.
func (d deadline) answer(within time.Duration) {
	_ = d.SetReadDeadline(time.Time{})
	_ = d.SetWriteDeadline(time.Now().Add(within + patience))
}
