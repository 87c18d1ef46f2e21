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
)

// A request has an id, the client's (X-Request-Id) or a new one, which the
// answer carries back; and a place in a trace (W3C Trace Context), which is the
// client's with a span of our own, or a new one.

const (
	requestIDHeader = "X-Request-Id"
	traceHeader     = "traceparent"

	requestIDKey = "request id"
	traceKey     = "traceparent"
)

var (
	validRequestID = regexp.MustCompile(`^[A-Za-z0-9._:/+=-]{1,128}$`)
	// validTrace are version, trace id, span id and flags; ids of zeros alone
	// are not valid, and the version ff does not exist.
	validTrace = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})`)
)

func identify(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !validRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	trace := continued(c.GetHeader(traceHeader))
	c.Set(requestIDKey, id)
	c.Set(traceKey, trace)
	c.Header(requestIDHeader, id)
	c.Header(traceHeader, trace)
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

// log writes a line for each request: its route, never its path, which may
// name a person.
func (s *server) log(c *gin.Context) {
	start := time.Now()
	c.Next()
	s.Logger.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()),
		slog.String("client", callerOf(c).client), slog.Duration("duration", time.Since(start)),
		slog.String("request_id", c.GetString(requestIDKey)), slog.String("traceparent", c.GetString(traceKey)))
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
