package config

import (
	"fmt"
	"strings"
)

// Problem is what is wrong with a setting.
type Problem struct {
	// Where is the setting as the operator wrote it: a flag, a variable, or a
	// file with the line and the setting's name.
	Where string
	// What is wrong and what to do.
	What string

	setting string // its name, "" if the problem is no setting's
}

// Problems are all that is wrong with a configuration.
type Problems []Problem

// Error implements error: a line a problem.
func (p Problems) Error() string {
	var text strings.Builder
	if len(p) == 1 {
		text.WriteString("the configuration has a problem:")
	} else {
		fmt.Fprintf(&text, "the configuration has %d problems:", len(p))
	}
	for _, one := range p {
		fmt.Fprintf(&text, "\n  %s: %s", one.Where, one.What)
	}
	return text.String()
}

// orNil makes an error of problems only where there are any.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
