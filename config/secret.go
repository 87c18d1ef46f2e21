package config

import (
	"fmt"
	"log/slog"
)

// Secret is a text that never prints itself: only Reveal gives it. The zero
// value is none.
type Secret struct {
	// A function, since whoever prints structs by reflection follows pointers.
	reveal func() string
}

// masked is what a secret prints as.
const masked = "********"

// NewSecret makes a secret of a text; of the empty text none.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Given tells whether there is a secret.
func (s Secret) Given() bool { return s.reveal != nil }

// Reveal returns the text, "" where there is none.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String implements fmt.Stringer.
func (s Secret) String() string {
	if !s.Given() {
		return ""
	}
	return masked
}

// Format implements fmt.Formatter, for verbs that ask no Stringer.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// MarshalText implements encoding.TextMarshaler: JSON and YAML have it masked.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
