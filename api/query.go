package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"cis/profile"
)

// personQuery are the parameters that narrow what the Person API shows.
type personQuery struct {
	active  string // "true", "false" or "any"
	display *profile.Display
}

func readPersonQuery(c *gin.Context) (personQuery, *Error) {
	q := personQuery{active: strings.ToLower(c.DefaultQuery("active", "true"))}
	if q.active != "true" && q.active != "false" && q.active != "any" {
		return q, newError(http.StatusBadRequest, "invalid_parameter", "active: must be true, false or any")
	}
	if level := c.Query("filterDisplay"); level != "" {
		display, err := profile.ParseDisplay(level)
		if err != nil {
			return q, newError(http.StatusBadRequest, "invalid_parameter", "filterDisplay: "+err.Error())
		}
		q.display = &display
	}
	return q, nil
}

func (q personQuery) wants(active bool) bool {
	return q.active == "any" || (q.active == "true") == active
}

// show leaves of a profile what the caller's scopes and the query allow.
func (q personQuery) show(p *profile.Profile, who caller) *profile.Profile {
	p = p.Visible(profile.AccessFor(who.scopes))
	if q.display != nil {
		p = p.NarrowTo(*q.display)
	}
	return p
}
