package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Role is what a process does, and so what its configuration must have. Roles
// add up.
type Role uint8

// The roles. Every process that has none of them only needs to reach Temporal.
const (
	ServesAPI Role = 1 << iota
	Works
	// KeepsVault is the role of commands that look after the vault: they need
	// nothing else.
	KeepsVault
)

// Check tells all that is wrong with the configuration, as Problems, for a
// process of this role: also what could not be read.
func (l *Loaded) Check(role Role) error {
	c := &checker{Loaded: l, found: slices.Clone(l.problems), unread: map[string]bool{}}
	for _, p := range l.problems {
		c.unread[p.setting] = true
	}
	c.process()
	if role == KeepsVault {
		c.vault()
		return c.found.orNil()
	}
	c.temporal()
	if role&(ServesAPI|Works) != 0 {
		c.shared()
		c.encryption()
	}
	if role&ServesAPI != 0 {
		c.api()
	}
	if role&Works != 0 {
		c.signing()
		c.directory()
		c.webhooks()
	}
	return c.found.orNil()
}

// where is a setting as the operator wrote it.
func (l *Loaded) where(s Setting) string {
	origin := l.origins[s.Name()]
	if origin == "" || origin == byDefault || strings.HasPrefix(origin, "environment ") {
		return s.Name()
	}
	return origin
}

// setting is the one that is kept in the field, given by its address.
func (l *Loaded) setting(field any) Setting {
	at := reflect.ValueOf(field).Pointer()
	for _, s := range l.Settings() {
		if s.value.Addr().Pointer() == at {
			return s
		}
	}
	panic("no setting is kept there")
}

// checker collects what is wrong.
type checker struct {
	*Loaded
	found  Problems
	unread map[string]bool // settings that could not be read
}

// fault notes what is wrong with the setting that is kept in the field. Of one
// that could not be read nothing more is said.
func (c *checker) fault(field any, format string, args ...any) {
	if s := c.setting(field); !c.unread[s.Name()] {
		c.found = append(c.found, Problem{c.where(s), fmt.Sprintf(format, args...), s.Name()})
	}
}

// unsafe notes what testing and production refuse.
func (c *checker) unsafe(field any, format string, args ...any) {
	if c.Environment.Guarded() {
		c.fault(field, "not in %s: %s", c.Environment, fmt.Sprintf(format, args...))
	}
}

// need notes settings that are not set, and tells whether all are.
func (c *checker) need(fields ...any) bool {
	complete := true
	for _, field := range fields {
		if s := c.setting(field); s.value.IsZero() {
			complete = false
			c.fault(field, "this is missing: %s", howToSet(s))
		}
	}
	return complete
}

func howToSet(s Setting) string {
	if s.Secret() {
		return fmt.Sprintf("set %s to it, %s or %s to a file that holds it, or %s or %[4]s%s in the file",
			s.Variable(), s.fileVariable(), s.Flag(), s.Name(), fileSuffix)
	}
	return fmt.Sprintf("set %s, %s or %s in the file", s.Flag(), s.Variable(), s.Name())
}

// positive notes lengths of time that are 0.
func (c *checker) positive(fields ...*time.Duration) {
	for _, field := range fields {
		if *field == 0 {
			c.fault(field, "it must be longer than 0")
		}
	}
}

// address checks a place to listen or to connect to, where one is set.
func (c *checker) address(field *string) {
	if *field == "" {
		return
	}
	if _, port, err := net.SplitHostPort(*field); err != nil || port == "" {
		c.fault(field, "%q is no address: write it like localhost:8080 or, to listen everywhere, :8080", *field)
	}
}

// webURL checks a URL, where one is set.
func (c *checker) webURL(field *string) {
	if *field == "" {
		return
	}
	if wrong := badURL(*field, "http", "https"); wrong != "" {
		c.fault(field, "%s", wrong)
	} else if plain(*field) {
		c.unsafe(field, "%q is not encrypted: use https://", *field)
	}
}

// badURL says why a text is no full URL of one of the schemes, "" if it is.
func badURL(text string, schemes ...string) string {
	at, err := url.Parse(text)
	if err != nil || at.Hostname() == "" || !slices.Contains(schemes, at.Scheme) {
		return fmt.Sprintf("%q is no URL that begins with %s://", text, strings.Join(schemes, ":// or "))
	}
	return ""
}

// plain tells URLs whose traffic others on the network can read. What does not
// leave the machine is none.
func plain(text string) bool {
	at, err := url.Parse(text)
	return err == nil && (at.Scheme == "http" || at.Scheme == "ldap") && !loopback(at.Hostname())
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
