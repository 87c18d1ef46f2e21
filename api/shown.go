package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/gin-gonic/gin"
)

// respond answers with JSON, or with 304 where the client has it already. What
// a caller may see is nobody else's: no cache may hand it on.
func respond(c *gin.Context, body []byte) { respondAs(c, tagOf(body), body) }

// tagOf is a body's ETag. It tells changes apart, and proves nothing.
func tagOf(body []byte) string { return fmt.Sprintf(`"%016x-%x"`, xxhash.Sum64(body), len(body)) }

// respondAs is respond for a body whose ETag is known.
func respondAs(c *gin.Context, tag string, body []byte) {
	c.Header("ETag", tag)
	c.Header("Cache-Control", "private, no-cache")
	c.Writer.Header().Add("Vary", "Authorization")
	if matches(c.GetHeader("If-None-Match"), tag) {
		c.AbortWithStatus(http.StatusNotModified)
		return
	}
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, "application/json", body)
}

// matches tells whether an If-None-Match header names the tag (RFC 9110,
// section 13.1.2: weak comparison).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
