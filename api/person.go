package api

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"cis/profile"
)

// personByUserID serves GET /v2/user/user_id/{id}: what the caller may see of
// the person's profile, or {} when there is none to see.
func (s *server) personByUserID(c *gin.Context) {
	query, problem := readPersonQuery(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	id := unescape(c.Param("id"))
	records, err := s.Vault.Get(c.Request.Context(), id)
	if err != nil {
		s.Logger.Error("reading the vault", "error", err)
		fail(c, unavailable("the vault cannot be reached, try again later"))
		return
	}
	record, ok := records[id]
	if !ok || !query.wants(record.Active) {
		c.JSON(http.StatusOK, struct{}{})
		return
	}
	p, err := profile.Parse(record.Profile)
	if err != nil {
		s.Logger.Error("reading a stored profile", "error", err)
		fail(c, newError(http.StatusInternalServerError, "internal_error", "the stored profile cannot be read; it has been logged"))
		return
	}
	c.Data(http.StatusOK, "application/json", query.show(p, callerOf(c)).JSON())
}

// unescape undoes URL encoding, once or twice: clients do both.
func unescape(segment string) string {
	for range 2 {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			break
		}
		segment = plain
	}
	return segment
}
