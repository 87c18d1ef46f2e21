package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"cis/logs"
	"cis/profile"
	"cis/vault"
)

// person serves GET /v2/user/{kind of key}/{value}: what the caller may see of
// the person's profile, or {} when there is none to see.
func (s *server) person(key vault.Key) gin.HandlerFunc {
	return func(c *gin.Context) {
		query, problem := readPersonQuery(c)
		if problem != nil {
			fail(c, problem)
			return
		}
		value, problem := readKey(c, "value")
		if problem != nil {
			fail(c, problem)
			return
		}
		found, problem := s.lookUp(c.Request.Context(), key, value, query, callerOf(c))
		if problem != nil {
			fail(c, problem)
			return
		}
		respondAs(c, found.tag, found.body)
	}
}

// nobody is shown where there is no such person.
var nobody = shown{body: []byte(`{}`), tag: tagOf([]byte(`{}`))}

func (s shown) isNobody() bool { return s.version == vault.Version{} }

// lookUp is what a caller may see of a person, nobody where there is none to see.
func (s *server) lookUp(ctx context.Context, key vault.Key, value string, query personQuery, who caller) (shown, *Error) {
	asked := question{key, value, who.scope, query.level()}
	kept := s.answers.find(asked)
	record, err := s.Vault.Find(ctx, key, value, kept.version)
	if err == nil {
		s.Metrics.KeptAnswer(record.Version() == kept.version)
	}
	switch {
	case errors.Is(err, vault.ErrNotFound), err == nil && !query.selects(record.Active):
		return nobody, nil
	case err != nil:
		return shown{}, s.vaultFailed(ctx, err)
	case record.Version() == kept.version:
		return kept, nil
	}
	body, err := query.shown(record, who)
	if err != nil {
		return shown{}, s.unreadable(ctx, slog.String(logs.Change, record.SequenceNumber))
	}
	kept = shown{record.Version(), body, tagOf(body)}
	s.answers.keep(asked, kept)
	return kept, nil
}

// readKey reads a path's last segment, in which clients name a person, as it
// was sent.
func readKey(c *gin.Context, name string) (string, *Error) {
	path := c.Request.URL.EscapedPath()
	key := unescape(path[strings.LastIndexByte(path, '/')+1:])
	return key, validKey(name, key)
}

func validKey(name, key string) *Error {
	switch {
	case len(key) > vault.MaxKey:
		return invalidParameter(name, fmt.Sprintf("is longer than %d bytes", vault.MaxKey))
	case !utf8.ValidString(key):
		return invalidParameter(name, "is not UTF-8")
	}
	return nil
}

func (s *server) vaultFailed(ctx context.Context, err error) *Error {
	s.Logger.ErrorContext(ctx, "reading the vault", "error", err)
	return unavailable("the vault cannot be reached, try again later")
}

// exists is the answer of GET /v2/user/metadata/{email}.
type exists struct {
	Exists struct {
		CIS  bool `json:"cis"`
		LDAP bool `json:"ldap"`
	} `json:"exists"`
}

// ldapGroups is set for whoever the LDAP publisher knows.
const ldapGroups profile.Path = "access_information.ldap"

// metadata tells anyone whether there is a person with this primary email,
// active or not, and whether they have groups in LDAP.
func (s *server) metadata(c *gin.Context) {
	email, problem := readKey(c, "email")
	if problem != nil {
		fail(c, problem)
		return
	}
	record, err := s.Vault.Find(c.Request.Context(), vault.KeyPrimaryEmail, email, vault.Version{})
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		fail(c, s.vaultFailed(c.Request.Context(), err))
		return
	}
	var answer exists
	if answer.Exists.CIS = err == nil; answer.Exists.CIS {
		p, err := profile.Parse(record.Profile)
		if err != nil {
			fail(c, s.unreadable(c.Request.Context(), slog.String(logs.Change, record.SequenceNumber)))
			return
		}
		answer.Exists.LDAP = !p.Get(ldapGroups).IsNull()
	}
	c.JSON(http.StatusOK, answer)
}

// unreadable says that the vault has something that is no profile, which has an
// attribute that names it in logs. Why it cannot be read would name what is in it.
func (s *server) unreadable(ctx context.Context, name slog.Attr) *Error {
	s.Logger.ErrorContext(ctx, "a stored profile cannot be read", name)
	return newError(http.StatusInternalServerError, "internal_error", "the stored profile cannot be read; it has been logged")
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
