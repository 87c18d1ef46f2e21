package profile

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Attribute is one attribute of a profile: a value with its metadata and the
// signature of whoever published it. It is immutable; the With methods return
// changed copies.
type Attribute struct {
	raw    jsontext.Value // the JSON object as it was received
	value  jsontext.Value // the member "value" or "values"; nil when absent
	plural bool           // the value's member is "values"

	signature jsontext.Value // the member "signature"; nil when absent
	metadata  Metadata
}

// Signature holds the signatures of an attribute as the profile carries them.
type Signature struct {
	Publisher  Signed   `json:"publisher"`
	Additional []Signed `json:"additional"`
}

// Signed is one signature: its kind, the publisher who made it, and a compact
// JWS over the attribute without its signature member.
type Signed struct {
	Alg   string `json:"alg"`
	Typ   string `json:"typ"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Metadata describes a value. Display is nil where the attribute is shown to
// nobody in particular (null in JSON).
type Metadata struct {
	Classification string  `json:"classification"`
	LastModified   string  `json:"last_modified"`
	Created        string  `json:"created"`
	Verified       bool    `json:"verified"`
	Display        *string `json:"display"`
}

// parseAttribute reads a JSON object as an attribute. Members of the wrong
// type read as their zero value: saying what is wrong is the schema's task.
func parseAttribute(raw jsontext.Value) (*Attribute, error) {
	return newReader(raw).attribute()
}

func (r *reader) attribute() (*Attribute, error) {
	a := &Attribute{}
	raw, err := r.object(func(name []byte) (err error) {
		switch string(name) {
		case "signature":
			a.signature, err = r.value()
		case "metadata":
			a.metadata, err = r.metadata()
		case "values":
			a.plural = true
			a.value, err = r.value()
		case "value":
			value, err := r.value()
			if !a.plural {
				a.value = value
			}
			return err
		default:
			_, err = r.value()
		}
		return err
	})
	a.raw = raw
	return a, err
}

func (r *reader) metadata() (m Metadata, err error) {
	if r.PeekKind() != '{' {
		_, err := r.value()
		return m, err
	}
	_, err = r.object(func(name []byte) (err error) {
		switch string(name) {
		case "classification":
			err = r.read(&m.Classification)
		case "last_modified":
			err = r.read(&m.LastModified)
		case "created":
			err = r.read(&m.Created)
		case "display":
			// Null is a level of its own, so what is no string is not read as
			// null but as a level that nobody may see.
			if r.PeekKind() != 'n' {
				m.Display = new(string)
				return r.read(m.Display)
			}
			_, err = r.value()
		case "verified":
			m.Verified = r.PeekKind() == 't'
			_, err = r.value()
		default:
			_, err = r.value()
		}
		return err
	})
	return m, err
}

// read reads the value that comes next if it is a string, and "" otherwise.
func (r *reader) read(into *string) error {
	text, err := r.string()
	*into = string(text)
	return err
}

// IsNull tells whether the attribute has no value: null, or none at all.
func (a *Attribute) IsNull() bool {
	return a == nil || len(a.value) == 0 || a.value.Kind() == 'n'
}

// Publisher is the name of the publisher who signed the attribute.
func (a *Attribute) Publisher() string { return a.Signature().Publisher.Name }

// Signature returns the attribute's signatures. It reads them each time: most
// who read a profile do not look at them.
func (a *Attribute) Signature() (s Signature) {
	_ = eachMember(a.signature, func(name string, value jsontext.Value) error {
		switch name {
		case "publisher":
			readInto(&s.Publisher, value)
		case "additional":
			readInto(&s.Additional, value)
		}
		return nil
	})
	return s
}

// readInto reads one value, which leaves the zero value when it has another
// type, and never a half of it.
func readInto[T any](into *T, value jsontext.Value) {
	var read T
	if json.Unmarshal(value, &read) == nil {
		*into = read
	}
}

// Metadata returns the attribute's metadata.
func (a *Attribute) Metadata() Metadata { return a.metadata }

// JSON returns the whole attribute. The caller must not change it.
func (a *Attribute) JSON() jsontext.Value { return a.raw }

// SignedContent is what a publisher's signature covers: the attribute without
// its signature, as compact JSON with its members in the order that they have
// and everything outside ASCII escaped, which is how the original serialises.
func (a *Attribute) SignedContent() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	err := eachMember(a.raw, func(name string, value jsontext.Value) error {
		if name == "signature" {
			return nil
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		writeASCIIString(&out, name)
		out.WriteByte(':')
		return writeASCII(&out, value)
	})
	out.WriteByte('}')
	return out.Bytes(), err
}

// WithValue returns the attribute with another value, given as JSON.
func (a *Attribute) WithValue(value jsontext.Value) (*Attribute, error) {
	member := "value"
	if a.plural {
		member = "values"
	}
	return a.with(member, value)
}

// WithMetadata returns the attribute with other metadata.
func (a *Attribute) WithMetadata(m Metadata) (*Attribute, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return a.with("metadata", value)
}

// WithSignature returns the attribute with another publisher's signature; the
// additional signatures stay as they are.
func (a *Attribute) WithSignature(s Signed) (*Attribute, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	block, err := replaceMember(a.signature, "publisher", value)
	if err != nil {
		return nil, err
	}
	return a.with("signature", block)
}

func (a *Attribute) with(member string, value jsontext.Value) (*Attribute, error) {
	raw, err := replaceMember(a.raw, member, value)
	if err != nil {
		return nil, err
	}
	return parseAttribute(raw)
}

// sameValue tells whether two attributes have the same value, as JSON.
func sameValue(a, b *Attribute) bool {
	if a.IsNull() || b.IsNull() {
		return a.IsNull() && b.IsNull()
	}
	return a.plural == b.plural && EqualJSON(a.value, b.value)
}

// sameVisibility tells whether display and verified agree.
func sameVisibility(a, b *Attribute) bool {
	x, y := a.metadata, b.metadata
	if (x.Display == nil) != (y.Display == nil) {
		return false
	}
	return x.Verified == y.Verified && (x.Display == nil || *x.Display == *y.Display)
}
