package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cis/profile"
	"cis/vault"
)

// crowd makes up people, always the same ones. Most of a profile is made once
// for a kind of people and only filled in for each of them.
type crowd struct {
	size      int
	signed    bool // every attribute that is set has a signature of usual length
	templates map[kind]*template
}

// kind is what people have in common.
type kind struct {
	sort            int // one of sorts
	active, special bool
}

const (
	sorts = 100
	salt  = "bench"
	// specials is how many people of a crowd, whatever its size, are in the
	// group specialGroup; commonGroup is that of everyone in LDAP.
	specials     = 200
	specialGroup = "special"
	commonGroup  = "everyone"
)

// newCrowd makes up size people, at least as many as there are specials. Their
// profiles are whole and valid; those of people who are not signed have next to
// nothing for signatures, so that a hundred thousand of them take less room.
func newCrowd(size int, signed bool) *crowd {
	return &crowd{size: size, signed: signed, templates: map[kind]*template{}}
}

// noise is so many bytes that look random, in base64.
func noise(bytes int) string {
	var out []byte
	for i := uint64(0); len(out) < bytes; i++ {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, i))
		out = append(out, sum[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(out[:bytes])
}

// kind tells the kind of the n-th person.
func (c *crowd) kind(n int) kind {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	return kind{sort: r.IntN(sorts), active: r.IntN(20) > 0, special: n%(c.size/specials) == 0}
}

// template is that of a kind of people.
func (c *crowd) template(k kind) (*template, error) {
	if t, ok := c.templates[k]; ok {
		return t, nil
	}
	t, err := k.template(c.signed)
	if err == nil {
		c.templates[k] = t
	}
	return t, err
}

// write is how the n-th person came into the vault.
func (c *crowd) write(n int) (vault.Write, error) {
	k := c.kind(n)
	t, err := c.template(k)
	if err != nil {
		return vault.Write{}, err
	}
	p := newPerson(n, t.method)
	terms := append([]vault.Term{{Attribute: string(profile.PrimaryEmail), Value: p["email"]}}, t.terms...)
	return vault.Write{
		Record: vault.Record{
			ID: p["user_id"], UUID: p["uuid"], PrimaryEmail: p["email"], PrimaryUsername: p["username"], Active: k.active,
			Profile: t.fill(p), SequenceNumber: fmt.Sprint(1<<40 + n), Revision: 1,
		},
		Condition: "create", Terms: terms,
	}, nil
}

// lookups are the paths of look-ups of all active people.
func (c *crowd) lookups(key vault.Key) (paths []string, err error) {
	name := map[vault.Key]string{
		vault.KeyUserID: "user_id", vault.KeyUUID: "uuid", vault.KeyPrimaryEmail: "email", vault.KeyPrimaryUsername: "username",
	}[key]
	err = c.each(func(k kind, p person) {
		if k.active {
			paths = append(paths, "/v2/user/"+string(key)+"/"+url.PathEscape(p[name]))
		}
	})
	return paths, err
}

// ids are everybody's ids in their order.
func (c *crowd) ids() (ids []string, err error) {
	err = c.each(func(_ kind, p person) { ids = append(ids, p["user_id"]) })
	slices.Sort(ids)
	return ids, err
}

// each calls f with every person.
func (c *crowd) each(f func(kind, person)) error {
	for n := range c.size {
		k := c.kind(n)
		t, err := c.template(k)
		if err != nil {
			return err
		}
		f(k, newPerson(n, t.method))
	}
	return nil
}

// person is what is a person's own, by the name of the place where a template
// leaves it out.
type person map[string]string

var (
	firstNames = strings.Fields("Amara Bruno Chiyo Darragh Elif Farid Grace Hanna Inês Jonas Keahi Lucía Mateus Noor Petra Quentin Ravi Siobhán Tomasz Yuki")
	lastNames  = strings.Fields("Adeyemi Byrne Castelli Duarte Ferrer Haddad Kealoha Lindqvist Mbeki Moreau Nakamura Novotná Okafor Rahman Virtanen Wójcik Yıldız")
)

func newPerson(n int, method string) person {
	// Not in the order in which they are stored: a number that is spread.
	login := fmt.Sprintf("%08x", uint32(n)*2654435761)
	id := method + "|" + login
	uuid := profile.PersonUUID(salt, id)
	return person{
		"user_id": id, "uuid": uuid.String(), "username": profile.FirstUsername(uuid), "email": login + "@example.org",
		"login": login, "first": firstNames[n%len(firstNames)], "last": lastNames[n%len(lastNames)],
	}
}

// template is a profile with places left out.
type template struct {
	method string
	text   [][]byte // before, between and after the places
	places []string
	terms  []vault.Term // but for the email
}

var place = regexp.MustCompile(`@([a-z_]+)@`)

func (t *template) fill(p person) []byte {
	var out bytes.Buffer
	for i, name := range t.places {
		out.Write(t.text[i])
		out.WriteString(p[name])
	}
	out.Write(t.text[len(t.places)])
	return out.Bytes()
}

// value is an attribute's value, who published it, and who may see it: nobody
// in particular where shown is empty.
type value struct {
	path      profile.Path
	value     any
	publisher string
	shown     string
}

// template makes the profile of a kind of people.
func (k kind) template(signed bool) (*template, error) {
	method, values := k.values()
	then := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	p, err := profile.Empty(), error(nil)
	for i, v := range values {
		if p, err = p.Set(v.path, v.value, then.Add(time.Duration(i)*77*time.Hour)); err != nil {
			return nil, err
		}
		if v.shown != "" {
			if p, err = p.Show(v.path, v.shown); err != nil {
				return nil, err
			}
		}
		jws := "none"
		if signed {
			content, err := p.Get(v.path).SignedContent()
			if err != nil {
				return nil, err
			}
			jws = jwsOf(content)
		}
		a, err := p.Get(v.path).WithSignature(profile.Signed{Alg: "RS256", Typ: "JWS", Name: v.publisher, Value: jws})
		if err != nil {
			return nil, err
		}
		p = p.With(v.path, a)
	}
	t := &template{method: method}
	for _, term := range p.Terms() {
		if term.Attribute != profile.PrimaryEmail {
			t.terms = append(t.terms, vault.Term{Attribute: string(term.Attribute), Value: term.Value})
		}
	}
	text, from := p.JSON(), 0
	for _, at := range place.FindAllSubmatchIndex(text, -1) {
		t.text, t.places = append(t.text, text[from:at[0]]), append(t.places, string(text[at[2]:at[3]]))
		from = at[1]
	}
	t.text = append(t.text, text[from:])
	return t, nil
}

// jwsOf has the form and length of a JWS with a key of 2048 bits. Nobody who
// reads a profile verifies it.
func jwsOf(content []byte) string {
	return "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString(content) + "." + noise(256)
}
