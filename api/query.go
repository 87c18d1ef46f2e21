package api

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"cis/profile"
	"cis/vault"
)

// personQuery are the parameters that narrow what the Person API shows.
type personQuery struct {
	activity vault.Activity
	display  *profile.Display
}

// oneValue are the parameters that have one value.
var oneValue = []string{
	"active", "connectionMethod", "filterDisplay", "fullProfiles", "nextPage", "primaryEmail", "sequenceNumber", "user_id",
}

// wellFormed refuses a query that says nothing certain: that cannot be decoded,
// is not UTF-8, or gives two values for one. What cannot be read must not be
// passed over: who asks for one person would be shown everybody.
func wellFormed(c *gin.Context) {
	if c.Request.URL.RawQuery == "" {
		return
	}
	// A semicolon separates nothing. Clients send those of an id as they are.
	c.Request.URL.RawQuery = strings.ReplaceAll(c.Request.URL.RawQuery, ";", "%3B")
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		fail(c, invalidParameter("query", "cannot be decoded"))
		return
	}
	if plain, _ := url.QueryUnescape(c.Request.URL.RawQuery); !utf8.ValidString(plain) {
		fail(c, invalidParameter("query", "is not UTF-8"))
		return
	}
	for _, name := range oneValue {
		if len(slices.Compact(values[name])) > 1 {
			fail(c, invalidParameter(name, "is given with more than one value"))
			return
		}
	}
}

// validText checks a parameter that says which text is looked for.
func validText(name, text string) *Error {
	if text == "" {
		return invalidParameter(name, "is empty: say what to look for")
	}
	return validKey(name, text)
}

func readPersonQuery(c *gin.Context) (q personQuery, problem *Error) {
	if q.activity, problem = readActivity(c.DefaultQuery("active", "true")); problem != nil {
		return q, problem
	}
	if level, given := c.GetQuery("filterDisplay"); given {
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
	case "true":
		return vault.ActiveOnly, nil
	case "false":
		return vault.InactiveOnly, nil
	case "any":
		return vault.AnyActivity, nil
	}
	return 0, invalidParameter("active", "must be true, false or any")
}

// readFlag reads a parameter that is true or false, in any case; false where it
// is not given.
func readFlag(c *gin.Context, name string) (bool, *Error) {
	switch strings.ToLower(c.DefaultQuery(name, "false")) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, invalidParameter(name, "must be true or false")
}

// wants tells whether a record is one of those that are asked for.
func (q personQuery) wants(r vault.Record) bool { return !r.Deleted() && q.selects(r.Active) }

// selects tells whether people who are active, or are not, are asked for.
func (q personQuery) selects(active bool) bool {
	return q.activity == vault.AnyActivity || active == (q.activity == vault.ActiveOnly)
}

// level is what the query narrows to, "" for nothing.
func (q personQuery) level() profile.Display {
	if q.display == nil {
		return ""
	}
	return *q.display
}

// shown is what show leaves of a record's profile, as JSON. Whoever may see all
// of it gets it as it is stored.
func (q personQuery) shown(r vault.Record, who caller) ([]byte, error) {
	if q.display == nil && profile.AccessFor(who.scopes).Unlimited() {
		return r.Profile, nil
	}
	p, err := profile.Parse(r.Profile)
	if err != nil {
		return nil, err
	}
	return q.show(p, who).JSON(), nil
}

// show leaves of a profile what the caller's scopes and the query allow.
func (q personQuery) show(p *profile.Profile, who caller) *profile.Profile {
	p = p.Visible(profile.AccessFor(who.scopes))
	if q.display != nil {
		p = p.NarrowTo(*q.display)
	}
	return p
}
