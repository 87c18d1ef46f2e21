package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrNotObject says that a JSON text is not the object that a profile is.
var ErrNotObject = errors.New("not a JSON object")

// reader reads a JSON text once, from its beginning to its end. What it
// returns are parts of the text itself, so the text must not change any more.
// It refuses duplicate names and invalid UTF-8, as everything in this package
// does: two readers must never see different profiles in the same bytes.
type reader struct {
	*jsontext.Decoder
	text jsontext.Value
	last []byte // the string that was read last
}

func newReader(text jsontext.Value) *reader {
	return &reader{Decoder: jsontext.NewDecoder(bytes.NewBuffer(text)), text: text}
}

// object calls f with the name of each member of the object that comes next,
// in order, and returns the object. f reads the member's value; the name is
// gone then.
func (r *reader) object(f func(name []byte) error) (jsontext.Value, error) {
	if r.PeekKind() != '{' {
		return nil, ErrNotObject
	}
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	begin := r.InputOffset() - int64(len("{"))
	for r.PeekKind() != '}' {
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		if err := f(name); err != nil {
			return nil, err
		}
	}
	_, err := r.ReadToken()
	return r.since(begin), err
}

// value reads the value that comes next.
func (r *reader) value() (jsontext.Value, error) {
	value, err := r.ReadValue()
	return r.since(r.InputOffset() - int64(len(value))), err
}

// since returns what was read since an offset.
func (r *reader) since(begin int64) jsontext.Value {
	end := r.InputOffset()
	return r.text[begin:end:end]
}

// string reads the value that comes next and returns what it means if it is a
// string, and nothing otherwise. It is gone when the next one is read.
func (r *reader) string() ([]byte, error) {
	value, err := r.ReadValue()
	if err != nil || value.Kind() != '"' {
		return nil, err
	}
	r.last, err = jsontext.AppendUnquote(r.last[:0], value)
	return r.last, err
}

// end makes sure that nothing follows.
func (r *reader) end() error {
	_, err := r.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		err = fmt.Errorf("something follows it, at byte %d", r.InputOffset())
	}
	return err
}

// isCompact tells whether a JSON text is an object without white space between
// its tokens, as CIS stores it. It is in doubt, and says no, where a string has
// a space beside punctuation.
func isCompact(text []byte) bool {
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	for _, space := range []byte("\n\r\t") { // which no string has as they are
		if bytes.IndexByte(text, space) >= 0 {
			return false
		}
	}
	for at := 0; ; at++ {
		next := bytes.IndexByte(text[at:], ' ')
		if next < 0 {
			return true
		}
		at += next
		if at == len(text)-1 || isPunctuation(text[at+1]) {
			return false
		}
		// A colon between tokens follows a quotation mark; one of the
		// classifications has another.
		if before := text[at-1]; isPunctuation(before) && (before != ':' || text[at-2] == '"') {
			return false
		}
	}
}

func isPunctuation(c byte) bool { return strings.IndexByte("{}[]:,", c) >= 0 }

// eachMember calls f for each member of a JSON object, in order.
func eachMember(object jsontext.Value, f func(name string, value jsontext.Value) error) error {
	r := newReader(object)
	_, err := r.object(func(name []byte) error {
		key := string(name)
		value, err := r.value()
		if err != nil {
			return err
		}
		return f(key, value)
	})
	return err
}
