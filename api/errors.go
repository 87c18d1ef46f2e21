package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"cis/change"
)

// Error is the body of every answer that is not a success.
type Error struct {
	status     int
	retryAfter time.Duration

	Code        string           `json:"code"`
	Description string           `json:"description"`
	Problems    []change.Problem `json:"problems,omitempty"`
	// Rejections are the profiles of a batch that were refused.
	Rejections []rejection `json:"rejections,omitempty"`
}

// rejection is why one profile of a batch was refused.
type rejection struct {
	Index       int              `json:"index"`
	UserID      string           `json:"user_id,omitempty"`
	Code        string           `json:"code"`
	Description string           `json:"description"`
	Problems    []change.Problem `json:"problems,omitempty"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

func newError(status int, code, description string) *Error {
	return &Error{status: status, Code: code, Description: description}
}

// away is how long clients are asked to wait when a part of CIS is away.
const away = 5 * time.Second

func unavailable(description string) *Error {
	e := newError(http.StatusServiceUnavailable, "unavailable", description)
	e.retryAfter = away
	return e
}

func invalidParameter(name, problem string) *Error {
	return newError(http.StatusBadRequest, "invalid_parameter", name+": "+problem)
}

// short bounds what a text out of a request adds to an answer.
func short(text string) string {
	const longest = 300
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

// fail answers with e and ends the request.
func fail(c *gin.Context, e *Error) {
	if e.retryAfter > 0 {
		c.Header("Retry-After", seconds(e.retryAfter))
	}
	if e.status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer")
	}
	c.Set(codeKey, e.Code)
	c.AbortWithStatusJSON(e.status, e)
}

// rejected is the answer to a change that was refused.
func rejected(r change.Rejection) *Error {
	return &Error{status: statusOf(string(r.Code)), Code: string(r.Code), Description: r.Description, Problems: r.Problems}
}

// statusOf is the status of an answer that refuses a profile.
func statusOf(code string) int {
	switch change.Code(code) {
	case change.InvalidPublisher, change.InvalidSignature, change.IdentityPreset:
		return http.StatusForbidden
	case change.KeyReused:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}
