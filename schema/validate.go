package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Validate checks a whole profile, given as JSON, against the schema. A
// profile that does not fit is an *Invalid. So is a text that is not exactly
// one JSON value, is not UTF-8, or repeats a member: two readers must never
// see different profiles in the same bytes.
func Validate(profile []byte) error { return whole().validate(profile) }

// ValidatePartial checks a partial profile: any attribute may be missing, and
// what is there must be as in a whole one.
func ValidatePartial(profile []byte) error { return partial().validate(profile) }

func (s profileRules) validate(profile []byte) error {
	value, err := decode(profile)
	if err != nil {
		return &Invalid{Problems: []Problem{notJSON(err)}, Total: 1}
	}
	err = s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	failed, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return fmt.Errorf("validating a profile: %w", err)
	}
	return judge(s.document, value, failed)
}

// decode reads exactly one JSON value, with its numbers as they are written.
func decode(text []byte) (value any, err error) {
	// Format finds what encoding/json lets pass, and Compact too: repeated names
	// and wrong UTF-8.
	checked := jsontext.Value(text).Clone()
	if err := checked.Format(); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// notJSON tells what is wrong without the decoders' own words, which quote the
// text.
func notJSON(err error) Problem {
	p := Problem{Rule: "json", Message: "is not JSON"}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return Problem{Pointer: cut(string(syntactic.JSONPointer)), Rule: "json", Message: "is there twice"}
		}
		p.Message = fmt.Sprintf("is not JSON, from byte %d on", syntactic.ByteOffset)
	}
	return p
}

type profileRules struct {
	compiled *jsonschema.Schema
	document any // the schema's own JSON, to look its keywords up in
}

var (
	whole   = sync.OnceValue(func() profileRules { return compile(profileSchema) })
	partial = sync.OnceValue(func() profileRules { return compile(nothingRequired()) })
)

func compile(text []byte) profileRules {
	const name = "profile.schema"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, bytes.NewReader(text)); err != nil {
		panic(err)
	}
	document, err := decode(text)
	if err != nil {
		panic(err)
	}
	return profileRules{c.MustCompile(name), document}
}

// nothingRequired is the schema without the lists of the attributes that a
// whole profile has, at its top and in its groups.
func nothingRequired() []byte {
	var top map[string]any
	if err := json.Unmarshal(profileSchema, &top); err != nil {
		panic(err)
	}
	delete(top, "required")
	for _, property := range top["properties"].(map[string]any) {
		delete(property.(map[string]any), "required")
	}
	text, err := json.Marshal(top)
	if err != nil {
		panic(err)
	}
	return text
}
