package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// judge turns the library's tree of errors into problems. It makes its own
// messages of the schema's keywords: the library's quote the profile.
func judge(schema, profile any, failed *jsonschema.ValidationError) *Invalid {
	j := judgement{schema: schema, profile: profile, places: map[string]*Problem{}, allowed: map[string][]any{}}
	j.collect(failed)
	problems := make([]Problem, 0, len(j.places))
	for _, p := range j.places {
		problems = append(problems, *p)
	}
	slices.SortFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return &Invalid{Problems: problems[:min(len(problems), maxProblems)], Total: len(problems)}
}

type judgement struct {
	schema, profile any
	places          map[string]*Problem
	// allowed holds, by place, what all enums there have in common. A display
	// level meets two: the levels that there are, and those that the attribute
	// may have. Only what suits both helps.
	allowed map[string][]any
}

// collect goes down to the errors that no others explain.
func (j *judgement) collect(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		j.collect(cause)
	}
	if len(e.Causes) > 0 {
		return
	}
	_, location, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	slash := strings.LastIndexByte(location, '/')
	j.add(e.InstanceLocation, location[:slash], location[slash+1:])
}

// add notes that what is at a place breaks a keyword of the schema at another.
func (j *judgement) add(place, schemaAt, keyword string) {
	there := lookup(j.profile, place)
	rules, _ := lookup(j.schema, schemaAt).(map[string]any)
	switch wanted := rules[keyword]; keyword {
	case "required":
		object, _ := there.(map[string]any)
		for _, name := range list(wanted) {
			if _, ok := object[name.(string)]; !ok {
				j.note(join(place, name.(string)), keyword, "is missing")
			}
		}
	case "additionalProperties":
		object, _ := there.(map[string]any)
		known, _ := rules["properties"].(map[string]any)
		for name := range object {
			if _, ok := known[name]; !ok {
				j.note(join(place, name), keyword, "is not known here"+only(known))
			}
		}
	case "enum":
		allowed := list(wanted)
		if before, ok := j.allowed[place]; ok {
			allowed = slices.DeleteFunc(slices.Clone(before), func(v any) bool { return !slices.Contains(allowed, v) })
		}
		j.allowed[place] = allowed
		j.note(place, keyword, fmt.Sprintf("is %s, must be %s", other(there, allowed), values(allowed)))
	case "type":
		if _, ok := j.allowed[place]; ok {
			return // the enum says more
		}
		var kinds []string
		for _, kind := range list(wanted) {
			kinds = append(kinds, article(kind.(string)))
		}
		j.note(place, keyword, fmt.Sprintf("is %s, must be %s", article(kind(there)), strings.Join(kinds, " or ")))
	case "format":
		j.note(place, keyword, fmt.Sprintf("is a string, but not of the format %s", wanted))
	default:
		j.note(place, keyword, "does not fit the schema's "+keyword)
	}
}

// note keeps one problem a place, the last one told.
func (j *judgement) note(place, rule, message string) {
	j.places[place] = &Problem{Pointer: place, Rule: rule, Message: message}
}

// list reads a keyword that is one value or several.
func list(wanted any) []any {
	if several, ok := wanted.([]any); ok {
		return several
	}
	return []any{wanted}
}

// only lists the members that an object may have, unless it is a long list.
func only(known map[string]any) string {
	const few = 10
	if len(known) > few {
		return ""
	}
	return ", only " + strings.Join(slices.Sorted(maps.Keys(known)), ", ") + " are"
}

// other describes a value that is none of those allowed, without telling it.
func other(value any, allowed []any) string {
	for _, a := range allowed {
		if kind(a) == kind(value) {
			return "another " + kind(value)
		}
	}
	return article(kind(value))
}

// values lists what an enum allows.
func values(allowed []any) string {
	words := make([]string, len(allowed))
	for i, v := range allowed {
		word, err := json.Marshal(v)
		if err != nil {
			panic(err) // it came from JSON
		}
		words[i] = string(word)
	}
	return strings.Join(words, " or ")
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return "number"
	}
}

func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "array", "object":
		return "an " + kind
	default:
		return "a " + kind
	}
}

// join appends a member to a JSON pointer.
func join(pointer, name string) string {
	return pointer + "/" + cut(pointerEscapes.Replace(name))
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// cut bounds what a name or pointer that came with a profile can add to an
// answer.
func cut(name string) string {
	const longest = 200
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "…"
}

// lookup follows a JSON pointer, nil where it leads nowhere. The library
// points only at members that the schema names, none of which needs escapes.
func lookup(value any, pointer string) any {
	for _, token := range strings.Split(pointer, "/")[1:] {
		switch v := value.(type) {
		case map[string]any:
			value = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}
