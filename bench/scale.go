package main

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"cis/vault"
)

// ask is what a row of the scale benchmark asks, of a crowd of any size.
type ask struct {
	what   string
	paths  func(*crowd) ([]string, error)
	scopes string
	plain  bool    // of an API that keeps no answers
	busy   bool    // by all clients at once, instead of one
	atMost float64 // of the ratio; 0 where nothing is required
}

// required is how much longer a request may take in the large vault.
const required = 1.5

// asks are all rows. The people in LDAP are the first ones in the order of ids,
// and fill a half of it; the middle of theirs is at a quarter.
func asks() (all []ask) {
	add := func(what string, paths func(*crowd) ([]string, error), changes ...func(*ask)) {
		a := ask{what: what, paths: paths, scopes: everything, atMost: required}
		for _, change := range changes {
			change(&a)
		}
		all = append(all, a)
	}
	public := func(a *ask) { a.what, a.scopes = a.what+", public ones only", publicOnly }
	plain := func(a *ask) { a.what, a.plain = a.what+", nothing kept", true }
	busy := func(a *ask) { a.what, a.busy = a.what+", all clients at once", true }
	shown := func(a *ask) { a.atMost = 0 }
	for _, key := range lookupKeys {
		add("look-up by "+string(key), lookups(key))
		add("look-up by "+string(key), lookups(key), plain)
		add("look-up by "+string(key), lookups(key), public, plain)
	}
	add("look-up by user_id", lookups(vault.KeyUserID), plain, busy)
	// What is kept makes up for more of the work in these.
	add("look-up by user_id", lookups(vault.KeyUserID), busy, shown)
	add("look-up by user_id", lookups(vault.KeyUserID), public, shown)
	add("id/all", identities(0, "connectionMethod", "ad"))
	add("id/all, a later page", identities(0.1, "connectionMethod", "ad"))
	add("search: a group of 200, whatever the size", search(0, "access_information.mozilliansorg", specialGroup))
	add("search: the same, a later page", search(0.5, "access_information.mozilliansorg", specialGroup))
	add("search: a group of half of all", search(0, "access_information.ldap", commonGroup))
	add("search: the same, a later page", search(0.25, "access_information.ldap", commonGroup))
	add("search: a flag and a group", search(0, "staff_information.staff", "true", "access_information.ldap", "wiki"))
	add("search: not in a group", search(0, "not_access_information.ldap", "wiki"))
	add("search: in a group and not in another", search(0, "access_information.ldap", commonGroup, "not_access_information.ldap", "wiki"))
	add("search: not in the group of those who come first", search(0, "not_access_information.ldap", commonGroup))
	add("search: a group, with fullProfiles", search(0, "access_information.ldap", commonGroup, "fullProfiles", "true"))
	add("search: the same, a later page", search(0.25, "access_information.ldap", commonGroup, "fullProfiles", "true"))
	add("search: a group, with fullProfiles", search(0, "access_information.ldap", commonGroup, "fullProfiles", "true"), public)
	return all
}

// scales compares a small vault with a large one, by the 95th percentile of how
// long the requests take.
func (o options) scales(ctx context.Context) (t table, err error) {
	small, err := newService(ctx, newCrowd(o.Small, false))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.close()) }()
	large, err := newService(ctx, newCrowd(o.Large, false))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, large.close()) }()
	for _, s := range []*service{small, large} {
		if err := s.warm(ctx, o.Clients); err != nil {
			return nil, err
		}
	}
	for _, a := range asks() {
		if !o.wants(a.what) {
			continue
		}
		reference, err := a.of(small)
		if err != nil {
			return nil, err
		}
		measured, err := a.of(large)
		if err != nil {
			return nil, err
		}
		clients := 1
		if a.busy {
			clients = o.Clients
		}
		r, err := o.compare(ctx, row{what: a.what, unit: "ms", atMost: a.atMost}, clients, reference, measured, p95)
		if err != nil {
			return nil, err
		}
		t = append(t, r)
	}
	return t, nil
}

// warm reads everybody once, as a service has that has run for a while.
func (s *service) warm(ctx context.Context, clients int) error {
	token, err := s.token(everything)
	if err != nil {
		return err
	}
	paths, err := s.crowd.lookups(vault.KeyUserID)
	if err != nil {
		return err
	}
	l := &load{server: s.url, token: token}
	l.connect(clients)
	defer l.close()
	var group errgroup.Group
	for i, c := range l.clients {
		group.Go(func() error {
			for n := i; n < len(paths); n += clients {
				if _, err := l.get(ctx, c, paths[n]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (a ask) of(s *service) (*load, error) {
	token, err := s.token(a.scopes)
	if err != nil {
		return nil, err
	}
	server := s.url
	if a.plain {
		server = s.plain
	}
	paths, err := a.paths(s.crowd)
	return &load{server: server, paths: paths, token: token}, err
}

// list asks for the page of a list that begins after a part of all people.
func list(path string, part float64, query ...string) func(*crowd) ([]string, error) {
	return func(c *crowd) ([]string, error) {
		values := url.Values{}
		for pair := range slices.Chunk(query, 2) {
			values.Add(pair[0], pair[1])
		}
		if part > 0 {
			ids, err := c.ids()
			if err != nil {
				return nil, err
			}
			values.Set("nextPage", ids[int(part*float64(len(ids)))])
		}
		return []string{path + "?" + values.Encode()}, nil
	}
}

func identities(part float64, query ...string) func(*crowd) ([]string, error) {
	return list("/v2/users/id/all", part, query...)
}

func search(part float64, query ...string) func(*crowd) ([]string, error) {
	return list("/v2/users/id/all/by_attribute_contains", part, query...)
}

func lookups(key vault.Key) func(*crowd) ([]string, error) {
	return func(c *crowd) ([]string, error) { return c.lookups(key) }
}
