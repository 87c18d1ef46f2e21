package api

import (
	"strings"

	"github.com/gin-gonic/gin"

	"cis/profile"
	"cis/vault"
)

// personQuery are the parameters that narrow what the Person API shows.
type personQuery struct {
	activity vault.Activity
	display  *profile.Display
}

func readPersonQuery(c *gin.Context) (q personQuery, problem *Error) {
	if q.activity, problem = readActivity(c.Query("active")); problem != nil {
		return q, problem
	}
	if level := c.Query("filterDisplay"); level != "" {
		display, err := profile.ParseDisplay(level)
		if err != nil {
			return q, invalidParameter("filterDisplay", err.Error())
		}
		q.display = &display
	}
	return q, nil
}

func readActivity(value string) (vault.Activity, *Error) {
	switch strings.ToLower(value) {
	case "true", "":
		return vault.ActiveOnly, nil
	case "false":
		return vault.InactiveOnly, nil
	case "any":
		return vault.AnyActivity, nil
	}
	return 0, invalidParameter("active", "must be true, false or any")
}

// wants tells whether a record is one of those that are asked for.
func (q personQuery) wants(r vault.Record) bool {
	return !r.Deleted() && (q.activity == vault.AnyActivity || r.Active == (q.activity == vault.ActiveOnly))
}

// show leaves of a profile what the caller's scopes and the query allow.
func (q personQuery) show(p *profile.Profile, who caller) *profile.Profile {
	p = p.Visible(profile.AccessFor(who.scopes))
	if q.display != nil {
		p = p.NarrowTo(*q.display)
	}
	return p
}
