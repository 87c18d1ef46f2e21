package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"cis/change"
)

// Error is the body of every answer that is not a success.
type Error struct {
	status int

	Code        string           `json:"code"`
	Description string           `json:"description"`
	Problems    []change.Problem `json:"problems,omitempty"`
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

func newError(status int, code, description string) *Error {
	return &Error{status: status, Code: code, Description: description}
}

// retryAfter is what clients are asked to wait, in seconds, when a part of CIS
// is away.
const retryAfter = "5"

func unavailable(description string) *Error {
	return newError(http.StatusServiceUnavailable, "unavailable", description)
}

// fail answers with e and ends the request.
func fail(c *gin.Context, e *Error) {
	if e.status == http.StatusServiceUnavailable {
		c.Header("Retry-After", retryAfter)
	}
	if e.status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer")
	}
	c.AbortWithStatusJSON(e.status, e)
}

// rejected is the answer to a change that was refused.
func rejected(r change.Rejection) *Error {
	status := http.StatusForbidden
	if r.Code == change.MalformedJSON || r.Code == change.InvalidProfile {
		status = http.StatusBadRequest
	}
	return &Error{status: status, Code: string(r.Code), Description: r.Description, Problems: r.Problems}
}
