package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
)

// replaceMember returns object with one member's value replaced where it
// stands, or added at the end. An object that is nil counts as empty.
func replaceMember(object jsontext.Value, name string, value jsontext.Value) (jsontext.Value, error) {
	var out bytes.Buffer
	e := jsontext.NewEncoder(&out, jsontext.PreserveRawStrings(true))
	write := func(n string, v jsontext.Value) error {
		if err := e.WriteToken(jsontext.String(n)); err != nil {
			return err
		}
		return e.WriteValue(v)
	}
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return nil, err
	}
	found := false
	if len(object) > 0 {
		err := eachMember(object, func(n string, v jsontext.Value) error {
			if n == name {
				found, v = true, value
			}
			return write(n, v)
		})
		if err != nil {
			return nil, err
		}
	}
	if !found {
		if err := write(name, value); err != nil {
			return nil, err
		}
	}
	if err := e.WriteToken(jsontext.EndObject); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// writeASCII writes a JSON value compactly, escaping all that is not ASCII.
func writeASCII(out *bytes.Buffer, value jsontext.Value) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(value))
	for {
		depth := d.StackDepth()
		parent, index := d.StackIndex(depth)
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind := token.Kind()
		if index > 0 && kind != '}' && kind != ']' {
			switch {
			case parent == '{' && index%2 == 1:
				out.WriteByte(':')
			case parent == '{' || parent == '[':
				out.WriteByte(',')
			}
		}
		if kind == '"' {
			writeASCIIString(out, token.String())
		} else {
			out.WriteString(token.String())
		}
	}
}

// writeASCIIString writes a JSON string as Python's json.dumps does: the short
// escapes, lower-case \u00xx for the other control characters, DEL among them,
// UTF-16 escapes for all above ASCII, and nothing else escaped.
func writeASCIIString(out *bytes.Buffer, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteByte(byte(r))
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\b':
			out.WriteString(`\b`)
		case r == '\f':
			out.WriteString(`\f`)
		case r >= ' ' && r < 0x7f:
			out.WriteByte(byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
	}
	out.WriteByte('"')
}
