package profile

import (
	"fmt"
	"time"
)

// Set returns the profile with a new value for the attribute at path, made
// now, as its publisher writes it before signing: the metadata that the
// profile has for the attribute (or the empty profile, where it has none) with
// both timestamps set. The value is anything that JSON can be made of; nil
// unsets.
func (p *Profile) Set(path Path, value any, now time.Time) (*Profile, error) {
	a := p.Get(path)
	if a == nil {
		a = Empty().Get(path)
	}
	if a == nil {
		return nil, fmt.Errorf("profile v2 has no attribute %q", path)
	}
	m := a.Metadata()
	m.Created, m.LastModified = Timestamp(now), Timestamp(now)
	a, err := a.stamped(m, value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.With(path, a), nil
}

// Show returns the profile with another display level for the attribute at
// path, "" for null.
func (p *Profile) Show(path Path, level string) (*Profile, error) {
	a := p.Get(path)
	if a == nil {
		return nil, fmt.Errorf("the profile has no attribute %q", path)
	}
	m := a.Metadata()
	m.Display = &level
	if level == "" {
		m.Display = nil
	}
	a, err := a.WithMetadata(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.With(path, a), nil
}
