package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"cis/change"
	"cis/profile"
)

// Config says which directory it is.
type Config struct {
	URL string // ldap://host:port or ldaps://host:port
	// TLS is how ldaps:// connections are secured, and those to ldap:// where
	// StartTLS is set; nil trusts the system's authorities.
	TLS *tls.Config
	// StartTLS changes to TLS on the connection, before anything is sent.
	StartTLS         bool
	BindDN, Password string
	// BaseDN is above ou=people, where the entries are.
	BaseDN string
	// Timeout bounds each operation.
	Timeout time.Duration
	// Connections bounds how many are open at once.
	Connections int
}

// Directory is an LDAP directory. It is safe for concurrent use.
type Directory struct {
	config Config
	pool   *pool
}

// Open checks the configuration. It does not connect: a directory that is down
// at the start is like one that goes down later.
func Open(c Config) (*Directory, error) {
	at, err := url.Parse(c.URL)
	if err != nil || (at.Scheme != "ldap" && at.Scheme != "ldaps") || at.Host == "" {
		return nil, fmt.Errorf("%q is no LDAP URL: it must be like ldap://host:389 or ldaps://host:636", c.URL)
	}
	if _, err := ldap.ParseDN(c.BaseDN); err != nil || c.BaseDN == "" {
		return nil, fmt.Errorf("base DN %q: it is no distinguished name", c.BaseDN)
	}
	return &Directory{config: c, pool: newPool(c)}, nil
}

// Close closes the connections.
func (d *Directory) Close() { d.pool.close() }

// Outcome is what Publish did.
type Outcome string

// The outcomes.
const (
	Created Outcome = "created"
	Updated Outcome = "updated"
	Current Outcome = "current" // the entry shows this revision or a newer one
)

// tries is how often Publish starts over when others publish the same person,
// each time with what they left.
const tries = 10

// Publish makes the person's entry show the profile at this revision, unless
// it shows the same or a newer one. Attributes that are not CIS's stay as they
// are. Errors have a change.Kind; their messages name the entry and what was
// done, never a value.
func (d *Directory) Publish(ctx context.Context, p *profile.Profile, revision int64) (Outcome, error) {
	name := dn(d.config.BaseDN, p.String(profile.UUID))
	for range tries {
		outcome, err := d.publish(ctx, name, entry(p), revision)
		if change.KindOf(err) != change.Conflict {
			return outcome, err
		}
	}
	return "", change.As(change.Retry, fmt.Errorf("entry %s: others kept changing it", name))
}

func (d *Directory) publish(ctx context.Context, name string, wanted []attribute, revision int64) (Outcome, error) {
	found, err := d.read(ctx, name)
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return Created, d.add(ctx, name, wanted, revision)
	case err != nil:
		return "", failure("reading", name, err)
	}
	if shown(found) >= revision {
		return Current, nil
	}
	return Updated, d.modify(ctx, name, found, wanted, revision)
}

func shown(e *ldap.Entry) int64 {
	revision, err := strconv.ParseInt(e.GetAttributeValue(revisionAttribute), 10, 64)
	if err != nil {
		return -1 // an entry that is not CIS's yet
	}
	return revision
}

// read returns an entry with its attributes.
func (d *Directory) read(ctx context.Context, name string) (*ldap.Entry, error) {
	var result *ldap.SearchResult
	err := d.pool.do(ctx, func(c *ldap.Conn) (err error) {
		result, err = c.Search(ldap.NewSearchRequest(name, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
			0, 0, false, "(objectClass=*)", nil, nil))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(result.Entries) != 1 {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, errors.New("the search found no entry"))
	}
	return result.Entries[0], nil
}

// add creates the entry. One that is there by now is a conflict.
func (d *Directory) add(ctx context.Context, name string, wanted []attribute, revision int64) error {
	request := ldap.NewAddRequest(name, nil)
	request.Attribute("objectClass", []string{"inetOrgPerson", personClass})
	request.Attribute(revisionAttribute, []string{strconv.FormatInt(revision, 10)})
	for _, a := range wanted {
		if len(a.values) > 0 {
			request.Attribute(a.name, a.values)
		}
	}
	err := d.pool.do(ctx, func(c *ldap.Conn) error { return c.Add(request) })
	if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		return change.As(change.Conflict, err)
	}
	return failure("creating", name, err)
}

// modify writes what differs, in one operation that the server refuses when
// the entry's revision is no longer the one that was read.
func (d *Directory) modify(ctx context.Context, name string, found *ldap.Entry, wanted []attribute, revision int64) error {
	request := ldap.NewModifyRequest(name, nil)
	if old := found.GetAttributeValues(revisionAttribute); len(old) > 0 {
		request.Delete(revisionAttribute, old)
	}
	request.Add(revisionAttribute, []string{strconv.FormatInt(revision, 10)})
	if !slices.Contains(found.GetAttributeValues("objectClass"), personClass) {
		request.Add("objectClass", []string{personClass})
	}
	for _, a := range wanted {
		if !sameValues(found.GetAttributeValues(a.name), a.values) {
			request.Replace(a.name, a.values)
		}
	}
	err := d.pool.do(ctx, func(c *ldap.Conn) error { return c.Modify(request) })
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultNoSuchObject) {
		return change.As(change.Conflict, err)
	}
	return failure("changing", name, err)
}

// Remove deletes the entry of the person with this user_id. One that is not
// there is no error, and what is no entry of CIS's stays. Errors are as
// Publish's; the entry is named by its uuid, never by the user_id.
func (d *Directory) Remove(ctx context.Context, userID string) error {
	names, err := d.entriesOf(ctx, userID)
	if err != nil {
		return failure("searching", peopleDN(d.config.BaseDN), err)
	}
	for _, name := range names {
		err := d.pool.do(ctx, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(name, nil)) })
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return failure("deleting", name, err)
		}
	}
	return nil
}

// entriesOf returns the names of the entries that show a person: one, or none.
func (d *Directory) entriesOf(ctx context.Context, userID string) (names []string, err error) {
	filter := fmt.Sprintf("(&(objectClass=%s)(cisUserId=%s))", personClass, ldap.EscapeFilter(userID))
	var result *ldap.SearchResult
	err = d.pool.do(ctx, func(c *ldap.Conn) (err error) {
		result, err = c.Search(ldap.NewSearchRequest(peopleDN(d.config.BaseDN), ldap.ScopeSingleLevel, ldap.NeverDerefAliases,
			0, 0, false, filter, []string{"1.1"}, nil)) // no attributes
		return err
	})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range result.Entries {
		names = append(names, e.DN)
	}
	return names, nil
}

// sameValues compares two sets of values.
func sameValues(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(x, y)
}

// Entry returns the entry of the person with this uuid.
func (d *Directory) Entry(ctx context.Context, uuid string) (*ldap.Entry, error) {
	name := dn(d.config.BaseDN, uuid)
	found, err := d.read(ctx, name)
	return found, failure("reading", name, err)
}

// Ping tells whether the directory answers.
func (d *Directory) Ping(ctx context.Context) error {
	return d.pool.do(ctx, func(*ldap.Conn) error { return nil })
}
