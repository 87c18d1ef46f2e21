package profile

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	_ "embed"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Profile is a person's profile v2, whole or partial. It is immutable; With
// returns a changed copy.
type Profile struct {
	members []member
}

// member is one member of the profile's JSON object: an attribute, a group of
// attributes, or something else (the plain string "schema", and whatever the
// profile has that v2 does not know).
type member struct {
	name  string
	attr  *Attribute
	group []member // of a group; not nil then
	other jsontext.Value
}

// Path names an attribute: "first_name", or "access_information.ldap" for one
// in a group.
type Path string

// Group returns the group's name, empty for an attribute outside of groups.
func (p Path) Group() string {
	group, _, grouped := strings.Cut(string(p), ".")
	if !grouped {
		return ""
	}
	return group
}

// Name returns the attribute's own name, without its group.
func (p Path) Name() string {
	return string(p)[strings.LastIndexByte(string(p), '.')+1:]
}

// Pointer returns the attribute's place as a JSON pointer (RFC 6901).
func (p Path) Pointer() string {
	return "/" + pointerEscapes.Replace(string(p))
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1", ".", "/")

// The attributes that CIS itself looks at.
const (
	UserID          Path = "user_id"
	UUID            Path = "uuid"
	PrimaryUsername Path = "primary_username"
	PrimaryEmail    Path = "primary_email"
	Active          Path = "active"
	LastModified    Path = "last_modified"
)

// isGroup tells the members that hold attributes instead of being one.
func isGroup(name string) bool {
	return name == "identities" || name == "access_information" || name == "staff_information"
}

// mostMembers is how many members profile v2 has. No group has more.
const mostMembers = 28

//go:embed empty.json
var emptyJSON []byte

var empty = func() *Profile {
	p, err := Parse(emptyJSON)
	if err != nil {
		panic(err)
	}
	return p
}()

// Empty returns the empty profile: every attribute there is, null, with the
// metadata and the publisher's name that an unset attribute has.
func Empty() *Profile { return empty }

// Parse reads a profile, whole or partial, from JSON. It fails only on what is
// not a JSON object, on duplicate names and on invalid UTF-8; whether the
// content is a valid profile is decided by the schema.
func Parse(data []byte) (*Profile, error) {
	text := jsontext.Value(bytes.Clone(data))
	if !isCompact(text) {
		if err := text.Compact(); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
	}
	r := newReader(text)
	members, err := r.members(true)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return &Profile{members}, nil
}

// members reads the members of the object that comes next: a profile, in which
// there may be groups, or a group, in which there are none.
func (r *reader) members(groups bool) ([]member, error) {
	members := make([]member, 0, mostMembers)
	_, err := r.object(func(name []byte) (err error) {
		m := member{name: string(name)}
		switch {
		// A name with a dot in it would read as the path of another attribute.
		case r.PeekKind() != '{', strings.Contains(m.name, "."):
			m.other, err = r.value()
		case groups && isGroup(m.name):
			m.group, err = r.members(false)
		default:
			m.attr, err = r.attribute()
		}
		members = append(members, m)
		return err
	})
	return members, err
}

// JSON returns the profile as compact JSON, its members in their order and
// every attribute as it was received.
func (p *Profile) JSON() []byte { return p.AppendJSON(nil) }

// AppendJSON appends the profile as JSON returns it.
func (p *Profile) AppendJSON(out []byte) []byte {
	return appendMembers(slices.Grow(out, sizeOf(p.members)), p.members)
}

// sizeOf is how long members are as JSON, but for what names have escaped.
func sizeOf(members []member) int {
	size := len("{}")
	for _, m := range members {
		size += len(`"":,`) + len(m.name) + len(m.other)
		switch {
		case m.attr != nil:
			size += len(m.attr.raw)
		case m.group != nil:
			size += sizeOf(m.group)
		}
	}
	return size
}

func appendMembers(out []byte, members []member) []byte {
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		// A name that came out of a JSON decoder is valid UTF-8.
		out, _ = jsontext.AppendQuote(out, m.name)
		out = append(out, ':')
		switch {
		case m.attr != nil:
			out = append(out, m.attr.raw...)
		case m.group != nil:
			out = appendMembers(out, m.group)
		default:
			out = append(out, m.other...)
		}
	}
	return append(out, '}')
}

// MarshalJSON implements json.Marshaler.
func (p *Profile) MarshalJSON() ([]byte, error) { return p.JSON(), nil }

// Attributes yields the profile's attributes in their order, null ones too.
func (p *Profile) Attributes() iter.Seq2[Path, *Attribute] {
	return func(yield func(Path, *Attribute) bool) {
		for _, m := range p.members {
			if m.attr != nil && !yield(Path(m.name), m.attr) {
				return
			}
			for _, g := range m.group {
				if g.attr != nil && !yield(Path(m.name+"."+g.name), g.attr) {
					return
				}
			}
		}
	}
}

// Get returns an attribute, or nil where the profile does not have it.
func (p *Profile) Get(path Path) *Attribute {
	members, name := p.members, string(path)
	if group := path.Group(); group != "" {
		i := indexOf(members, group)
		if i < 0 {
			return nil
		}
		members, name = members[i].group, path.Name()
	}
	if i := indexOf(members, name); i >= 0 {
		return members[i].attr
	}
	return nil
}

func indexOf(members []member, name string) int {
	for i, m := range members {
		if m.name == name {
			return i
		}
	}
	return -1
}

// With returns the profile with an attribute replaced where it stands, or
// added at the end where there was none.
func (p *Profile) With(path Path, a *Attribute) *Profile {
	return &Profile{withMember(p.members, path, a)}
}

func withMember(members []member, path Path, a *Attribute) []member {
	out := append(make([]member, 0, len(members)+1), members...)
	m := member{name: path.Name(), attr: a}
	if group := path.Group(); group != "" {
		m = member{name: group, group: []member{}}
		if i := indexOf(out, group); i >= 0 {
			m.group = out[i].group
		}
		m.group = withMember(m.group, Path(path.Name()), a)
	}
	if i := indexOf(out, m.name); i >= 0 {
		out[i] = m
		return out
	}
	return append(out, m)
}

// String returns an attribute's value where it is a string, "" otherwise.
func (p *Profile) String(path Path) string {
	var s string
	p.read(path, &s)
	return s
}

// Bool returns an attribute's value where it is a boolean, false otherwise.
func (p *Profile) Bool(path Path) bool {
	var b bool
	p.read(path, &b)
	return b
}

func (p *Profile) read(path Path, into any) {
	if a := p.Get(path); !a.IsNull() {
		_ = json.Unmarshal(a.value, into)
	}
}

// Entry is one entry of an attribute that has values: a group and its
// parameter, a key's name and the key. A null or a value that is no string
// reads as "".
type Entry struct{ Key, Value string }

// Values returns the entries of an attribute that has values, in their order;
// nil where it is null or absent.
func (p *Profile) Values(path Path) []Entry {
	a := p.Get(path)
	if a.IsNull() || a.value.Kind() != '{' {
		return nil
	}
	entries := []Entry{}
	_ = eachMember(a.value, func(key string, value jsontext.Value) error {
		e := Entry{Key: key}
		if value.Kind() == '"' {
			_ = json.Unmarshal(value, &e.Value)
		}
		entries = append(entries, e)
		return nil
	})
	return entries
}
