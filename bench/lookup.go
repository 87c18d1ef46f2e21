package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"cis/vault"
)

// lookupKeys are what people can be looked up by.
var lookupKeys = []vault.Key{vault.KeyUserID, vault.KeyUUID, vault.KeyPrimaryEmail, vault.KeyPrimaryUsername}

// lookups compares look-ups by each of the four keys with a bare Gin handler
// that answers with the same bytes, by throughput.
func (o options) lookups(ctx context.Context) (t table, err error) {
	s, err := newService(ctx, newCrowd(o.Small, true))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, caller := range []struct{ name, scopes string }{
		{"all attributes", everything},
		{"public ones only", publicOnly},
	} {
		for _, key := range lookupKeys {
			what := "look-up by " + string(key) + ", " + caller.name
			if !o.wants(what) {
				continue
			}
			reference, measured, err := s.besideGin(ctx, key, caller.scopes)
			if err != nil {
				return nil, err
			}
			r, err := o.compare(ctx, row{what: what, unit: "/s", atLeast: 0.5}, o.Clients, reference, measured, perSecond)
			if err != nil {
				return nil, err
			}
			t = append(t, r)
		}
	}
	return t, nil
}

// besideGin returns look-ups of all active people, and as many requests to a
// bare Gin handler, each of which is answered with the bytes of one of them.
func (s *service) besideGin(ctx context.Context, key vault.Key, scopes string) (reference, measured *load, err error) {
	token, err := s.token(scopes)
	if err != nil {
		return nil, nil, err
	}
	measured = &load{server: s.url, token: token}
	if measured.paths, err = s.crowd.lookups(key); err != nil {
		return nil, nil, err
	}
	bodies, err := measured.answers(ctx)
	if err != nil {
		return nil, nil, err
	}
	engine := gin.New()
	engine.GET("/:n", func(c *gin.Context) {
		n, _ := strconv.Atoi(c.Param("n"))
		c.Data(http.StatusOK, "application/json", bodies[n])
	})
	reference = &load{token: token}
	for n := range bodies {
		reference.paths = append(reference.paths, "/"+strconv.Itoa(n))
	}
	reference.server, err = s.serve("reference", engine)
	return reference, measured, err
}
