package profile

import (
	"fmt"
	"slices"
)

// Access is what a reader of the Person API may see, which is decided for each
// attribute by its classification and its display level. The zero Access is a
// reader without scopes, who sees what is PUBLIC and public.
type Access struct {
	anyClassification bool
	anyDisplay        bool
	nullDisplay       bool
	classifications   []string // besides PUBLIC
	displays          []string // besides public
}

const (
	publicClassification = "PUBLIC"
	publicDisplay        = "public"
)

// classificationScopes and displayScopes say what each scope adds. A scope
// adds its own level and no other; cumulative levels are NarrowTo's.
var (
	classificationScopes = map[string]string{
		"classification:mozilla_confidential": "MOZILLA CONFIDENTIAL",
		"classification:workgroup":            "WORKGROUP CONFIDENTIAL",
		"classification:workgroup:staff_only": "WORKGROUP CONFIDENTIAL: STAFF ONLY",
		"classification:individual":           "INDIVIDUAL CONFIDENTIAL",
	}
	displayScopes = map[string]string{
		"display:authenticated": "authenticated",
		"display:vouched":       "vouched",
		"display:ndaed":         "ndaed",
		"display:staff":         "staff",
		"display:private":       "private",
	}
)

// AccessFor returns what the scopes of a token let its bearer see. Scopes that
// say nothing about that are passed over.
func AccessFor(scopes []string) Access {
	var a Access
	for _, scope := range scopes {
		switch scope {
		case "read:fullprofile":
			a.anyClassification = true
		case "display:all":
			a.anyDisplay = true
		case "display:none":
			a.nullDisplay = true
		}
		if c, ok := classificationScopes[scope]; ok {
			a.classifications = append(a.classifications, c)
		}
		if d, ok := displayScopes[scope]; ok {
			a.displays = append(a.displays, d)
		}
	}
	return a
}

// Unlimited tells a reader from whom nothing is kept.
func (a Access) Unlimited() bool { return a.anyClassification && a.anyDisplay }

func (a Access) allows(m Metadata) bool {
	return a.allowsClassification(m.Classification) && a.allowsDisplay(m.Display)
}

func (a Access) allowsClassification(c string) bool {
	return a.anyClassification || c == publicClassification || slices.Contains(a.classifications, c)
}

func (a Access) allowsDisplay(d *string) bool {
	switch {
	case a.anyDisplay:
		return true
	case d == nil:
		return a.nullDisplay
	}
	return *d == publicDisplay || slices.Contains(a.displays, *d)
}

// Visible returns the profile as a reader may see it: attributes that the
// reader may not see are left out, and a group that loses all of its stays,
// empty. What is no attribute has nothing that says who may see it; except for
// "schema" it is kept from all whose sight is limited.
func (p *Profile) Visible(a Access) *Profile {
	if a.Unlimited() {
		return p
	}
	return p.filtered(a.allows)
}

// Display is a display level as ?filterDisplay names it. The levels are
// cumulative: each includes those before it, and none includes the attributes
// without a level (null).
type Display string

// displayOrder lists the levels, each including those before it.
var displayOrder = []Display{publicDisplay, "authenticated", "vouched", "ndaed", "staff", "private"}

// ParseDisplay reads a display level. There is none but the six that profiles
// have, in lower case.
func ParseDisplay(level string) (Display, error) {
	if !slices.Contains(displayOrder, Display(level)) {
		return "", fmt.Errorf("%.20q is not a display level, use one of %v", level, displayOrder)
	}
	return Display(level), nil
}

// NarrowTo returns the profile without the attributes that are not shown on
// the level or one that it includes. It only ever takes away: what the reader
// may see at all is Visible's. A level that ParseDisplay does not know counts
// as public, the least there is.
func (p *Profile) NarrowTo(level Display) *Profile {
	included := displayOrder[:max(0, slices.Index(displayOrder, level))+1]
	return p.filtered(func(m Metadata) bool {
		return m.Display != nil && slices.Contains(included, Display(*m.Display))
	})
}

// filtered keeps the attributes that keep allows, the groups, and "schema".
func (p *Profile) filtered(keep func(Metadata) bool) *Profile {
	isKept := func(m member) bool { return m.attr != nil && keep(m.attr.metadata) }
	kept := []member{}
	for _, m := range p.members {
		switch {
		case m.group != nil:
			group := []member{}
			for _, g := range m.group {
				if isKept(g) {
					group = append(group, g)
				}
			}
			kept = append(kept, member{name: m.name, group: group})
		case isKept(m), m.name == "schema" && m.other.Kind() == '"':
			kept = append(kept, m)
		}
	}
	return &Profile{kept}
}
