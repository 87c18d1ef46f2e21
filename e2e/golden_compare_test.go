package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// agrees stands for all values of which it is true.
type agrees func(got any) bool

// anything agrees with every value.
func anything(any) bool { return true }

// anyText agrees with every text but the empty one.
func anyText(got any) bool {
	text, ok := got.(string)
	return ok && text != ""
}

var digits = regexp.MustCompile(`[0-9]+`)

// formOf agrees with values of the same type, and with texts that differ in
// their numbers only.
func formOf(like any) agrees {
	form := func(v any) any {
		if text, ok := v.(string); ok {
			return digits.ReplaceAllString(text, "0")
		}
		return reflect.TypeOf(v)
	}
	return func(got any) bool { return form(got) == form(like) }
}

// absent is a value that is not there.
type absent struct{}

// replaceAt replaces the value that a JSON pointer leads to, which may be
// absent before and after.
func replaceAt(v any, pointer string, by func(any) any) any {
	if pointer == "" {
		return by(v)
	}
	name, rest, _ := strings.Cut(pointer[1:], "/")
	if rest != "" {
		rest = "/" + rest
	}
	switch v := v.(type) {
	case map[string]any:
		child, ok := v[name]
		if !ok {
			child = absent{}
		}
		v[name] = replaceAt(child, rest, by)
		if v[name] == (absent{}) {
			delete(v, name)
		}
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i < len(v) {
			v[i] = replaceAt(v[i], rest, by)
		}
	}
	return v
}

// withoutOurSignatures leaves of CIS's own signatures only that they are there:
// the original's are by a key of its own.
func withoutOurSignatures(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			withoutOurSignatures(child)
		}
		if publisher, ok := v["publisher"].(map[string]any); ok && publisher["name"] == "cis" && publisher["value"] != "" {
			publisher["value"] = "CIS's own"
		}
	case []any:
		for _, child := range v {
			withoutOurSignatures(child)
		}
	}
	return v
}

// inOrder puts a list of people into the order of their ids.
func inOrder(v any) any {
	if list, ok := v.([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(userID(a), userID(b)) })
	}
	return v
}

// userID is the id of a person in a list.
func userID(v any) string {
	person, _ := v.(map[string]any)
	for _, name := range []string{"user_id", "id"} {
		switch id := person[name].(type) {
		case string:
			return id
		case map[string]any:
			return fmt.Sprint(id["value"])
		}
	}
	return ""
}

// differ names the first place in which two values differ.
func differ(at string, want, got any) string {
	switch want := want.(type) {
	case agrees:
		if want(got) {
			return ""
		}
		return fmt.Sprintf("%s is %.200s, which is of another form", at, text(got))
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if _, ok := got[name]; !ok {
				return fmt.Sprintf("%s/%s is missing", at, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[name]; !ok {
				return fmt.Sprintf("%s/%s should not be there", at, name)
			}
			if d := differ(at+"/"+name, want[name], got[name]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(want) != len(got) {
			break
		}
		for i := range want {
			if d := differ(fmt.Sprintf("%s/%d", at, i), want[i], got[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s is %.200s, not %.200s", at, text(got), text(want))
	}
	return ""
}

func text(v any) string {
	s, _ := json.Marshal(v)
	return string(s)
}
