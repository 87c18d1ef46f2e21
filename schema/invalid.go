package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is one thing in a profile that its schema does not allow.
type Problem struct {
	// Pointer is its place in the profile (RFC 6901); "" is the whole profile.
	// A member that is unknown, or is missing, is named itself.
	Pointer string `json:"pointer"`
	// Rule is the schema's keyword: "type", "enum", "format", "required" or
	// "additionalProperties"; "json" where the text is not JSON at all.
	Rule string `json:"rule"`
	// Message says what is there and what is wanted. It holds no value of the
	// profile.
	Message string `json:"message"`
}

// Invalid is a profile that its schema does not allow. It holds no values of
// the profile, only names of members, so it may be logged and shown.
type Invalid struct {
	// Problems are ordered by place, at least one and at most 20.
	Problems []Problem
	// Total counts all problems, also those that Problems has no room for.
	Total int
}

const (
	// maxProblems bounds how many problems are told of at once.
	maxProblems = 20
	// toldInError is how many of them Error tells.
	toldInError = 3
)

// Error tells the first problems in one line.
func (e *Invalid) Error() string {
	told := make([]string, min(len(e.Problems), toldInError))
	for i := range told {
		p := e.Problems[i]
		told[i] = p.Message
		if p.Pointer != "" {
			told[i] = printable(p.Pointer) + " " + p.Message
		}
	}
	text := "the profile does not fit its schema: " + strings.Join(told, "; ")
	if more := e.Total - len(told); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// printable escapes control characters, line ends among them: names of unknown
// members come from whoever sent the profile.
func printable(pointer string) string {
	quoted := strconv.Quote(pointer)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
