package api

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"cis/vault"
)

// A page goes on after the last person of the one before, and a page token is
// that person's id: as it is in the lists of ids, as {"id": …} in the list of
// users. People come in the order of their ids, so that a page neither loses
// nor repeats anybody while others are being written. A token that was made up
// shows nothing that the query without it does not.

const (
	usersAPage     = 100 // and about maxPage bytes
	idsAPage       = 1000
	searchHitsPage = 25

	maxPage = 1 << 20
)

// nextPage is a page token in the list of users.
type nextPage struct {
	ID string `json:"id"`
}

// readPosition reads the page token of a list of ids.
func readPosition(c *gin.Context) (after string, problem *Error) {
	after = c.Query("nextPage")
	return after, validPosition(after)
}

func validPosition(after string) *Error { return validKey("nextPage", after) }

// readUsersPosition reads the page token of the list of users: JSON, or what
// Python prints of it, which is how its clients send it back.
func readUsersPosition(c *gin.Context) (after string, problem *Error) {
	token := c.Query("nextPage")
	if token == "" {
		return "", nil
	}
	if len(token) > 8*vault.MaxKey {
		return "", invalidParameter("nextPage", "is too long")
	}
	next, ok := parseNextPage(token)
	if !ok {
		return "", invalidParameter("nextPage", `must be the nextPage of the page before, such as {"id": "ad|Mozilla-LDAP|jdoe"}`)
	}
	return next.ID, validPosition(next.ID)
}

func parseNextPage(token string) (next nextPage, ok bool) {
	d := json.NewDecoder(strings.NewReader(token))
	d.DisallowUnknownFields()
	if d.Decode(&next) == nil && !d.More() && next.ID != "" {
		return next, true
	}
	m := pythonDict.FindStringSubmatch(token)
	if m == nil {
		return next, false
	}
	// JSON has Python's escapes, but for \' and \xNN.
	text := pythonEscape.ReplaceAllStringFunc(m[1]+m[2], func(escape string) string {
		switch {
		case escape == `\'`:
			return `'`
		case escape == `"`:
			return `\"`
		case strings.HasPrefix(escape, `\x`):
			return `\u00` + escape[2:]
		}
		return escape
	})
	return next, json.Unmarshal([]byte(`"`+text+`"`), &next.ID) == nil && next.ID != ""
}

var (
	pythonDict   = regexp.MustCompile(`^\s*\{\s*u?(?:'id'|"id")\s*:\s*u?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\}\s*$`)
	pythonEscape = regexp.MustCompile(`\\x[0-9a-f]{2}|\\.|"`)
)
