package main

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"cis/vault"
)

// lookups compares look-ups by each of the four keys with a bare Gin handler
// that answers with the same bytes, by throughput.
func (o options) lookups() (t table, err error) {
	s, err := newService(newCrowd(o.Small, realSignature))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, caller := range []struct{ name, scopes string }{
		{"all attributes", everything},
		{"public ones only", "search:all"},
	} {
		for _, key := range []vault.Key{vault.KeyUserID, vault.KeyUUID, vault.KeyPrimaryEmail, vault.KeyPrimaryUsername} {
			r, err := o.lookup(s, key, caller.scopes)
			if err != nil {
				return nil, err
			}
			r.what += ", " + caller.name
			t = append(t, r)
		}
	}
	return t, nil
}

// lookup measures look-ups by one key, of each of the people by chance. The
// reference answers with what the API answers for the same person.
func (o options) lookup(s *service, key vault.Key, scopes string) (r row, err error) {
	token, err := s.token(scopes)
	if err != nil {
		return r, err
	}
	measured := &load{server: s.url, token: token}
	if measured.paths, err = s.crowd.lookups(key); err != nil {
		return r, err
	}
	bodies, err := measured.answers()
	if err != nil {
		return r, err
	}
	engine := gin.New()
	engine.GET("/:n", func(c *gin.Context) {
		n, _ := strconv.Atoi(c.Param("n"))
		c.Data(http.StatusOK, "application/json", bodies[n])
	})
	reference := &load{token: token}
	if reference.server, err = s.serve("reference", engine); err != nil {
		return r, err
	}
	for n := range bodies {
		reference.paths = append(reference.paths, "/"+strconv.Itoa(n))
	}
	return o.compare(row{what: "look-up by " + string(key), unit: "/s", atLeast: 0.5}, reference, measured, perSecond)
}
