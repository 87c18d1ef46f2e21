package api

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"cis/vault"
)

// A page goes on after the last person of the one before, and a page token is
// that person's id: alone in the lists of ids, as {"id": …} in the list of
// users. People come in the order of their ids, so that a page neither loses
// nor repeats anybody while others are being written. A token that was made up
// shows nothing that the query without it does not.

const (
	usersAPage     = 100 // and about maxPage bytes
	idsAPage       = 500
	searchHitsPage = 25

	maxPage = 1 << 20
)

// nextPage is a page token in the list of users.
type nextPage struct {
	ID string `json:"id"`
}

// maxToken bounds a page token. JSON needs up to six bytes for one of an id.
const maxToken = 8 * vault.MaxKey

// encoded marks the token of an id that clients would spell in more ways than
// one: they send a plus or a percent sign back as it is, or encode it twice.
const encoded = "b64."

var unmistakable = regexp.MustCompile(`^[A-Za-z0-9|@._:-]*$`)

// tokenOf is the page token that goes on after this id.
func tokenOf(id string) string {
	if unmistakable.MatchString(id) && !strings.HasPrefix(id, encoded) {
		return id
	}
	return encoded + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// idOf is the id that a token stands for: any id does for itself, URL-encoded
// once more or not.
func idOf(token string) (string, *Error) {
	token = unescape(token)
	if text, ok := strings.CutPrefix(token, encoded); ok {
		if id, err := base64.RawURLEncoding.DecodeString(text); err == nil {
			token = string(id)
		}
	}
	return token, validKey("nextPage", token)
}

// readPosition reads the page token of a list of ids.
func readPosition(c *gin.Context) (after string, problem *Error) {
	token := c.Query("nextPage")
	if len(token) > maxToken {
		return "", invalidParameter("nextPage", "is too long")
	}
	if _, ok := parseNextPage(token); ok {
		return "", invalidParameter("nextPage", "is that of another list: give the nextPage of the page before as it is")
	}
	return idOf(token)
}

// readUsersPosition reads the page token of the list of users: JSON, or what
// Python prints of it, which is how its clients send it back.
func readUsersPosition(c *gin.Context) (after string, problem *Error) {
	token := c.Query("nextPage")
	if token == "" {
		return "", nil
	}
	if len(token) > maxToken {
		return "", invalidParameter("nextPage", "is too long")
	}
	next, ok := parseNextPage(token)
	if !ok {
		return "", invalidParameter("nextPage", `must be the nextPage of the page before, such as {"id": "ad|Mozilla-LDAP|jdoe"}`)
	}
	return idOf(next.ID)
}

// parseNextPage reads a token strictly: nothing else may be in it, and its id
// is not empty.
func parseNextPage(token string) (next nextPage, ok bool) {
	if json.Unmarshal([]byte(token), &next, json.RejectUnknownMembers(true)) == nil {
		return next, next.ID != ""
	}
	m := pythonDict.FindStringSubmatch(token)
	if m == nil {
		return nextPage{}, false
	}
	text := `"` + pythonEscape.ReplaceAllStringFunc(m[1]+m[2], asJSON) + `"`
	return next, json.Unmarshal([]byte(text), &next.ID) == nil && next.ID != ""
}

var (
	pythonDict   = regexp.MustCompile(`^\s*\{\s*u?(?:'id'|"id")\s*:\s*u?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\}\s*$`)
	pythonEscape = regexp.MustCompile(`\\x[0-9a-f]{2}|\\U[0-9a-f]{8}|\\.|"`)
)

// asJSON writes an escape of Python's, or a quote that needs none there, as
// JSON has it.
func asJSON(escape string) string {
	switch {
	case escape == `\'`:
		return `'`
	case escape == `"`:
		return `\"`
	case strings.HasPrefix(escape, `\x`):
		return `\u00` + escape[2:]
	case strings.HasPrefix(escape, `\U`) && len(escape) > 2:
		// Python writes so what two bytes cannot. Anything else stays, and JSON
		// refuses it.
		if code, err := strconv.ParseInt(escape[2:], 16, 32); err == nil && code > 0xffff && code <= utf8.MaxRune {
			return string(rune(code))
		}
	}
	return escape
}
