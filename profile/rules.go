package profile

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
)

// Rules say which publisher may write which attribute: the document
// "mozilla-iam-publisher-rules".
type Rules struct {
	create map[Path][]string
	update map[Path]string
}

// Specialist is the publisher that may change how any attribute is shown
// (display, verified) without changing its value: the people directory, where
// people decide that for themselves.
const Specialist = "mozilliansorg"

// CIS is the publisher's name of CIS itself.
const CIS = "cis"

// Publishers are all that may sign attributes.
var Publishers = []string{"ldap", "hris", "access_provider", "mozilliansorg", CIS}

// ActivePublishers may change active when they signed it, although the rules
// give that attribute to CIS, which signs it anew.
var ActivePublishers = []string{"ldap", "hris", "access_provider"}

// ParseRules reads the publisher rules from their JSON document: under create,
// the publishers that may set a null attribute; under update, the one that may
// change it. The members of a group have rules of their own, except that
// update.identities is one name for all.
func ParseRules(data []byte) (*Rules, error) {
	var doc struct {
		Create map[string]ruleOrGroup[[]string] `json:"create"`
		Update map[string]ruleOrGroup[string]   `json:"update"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("publisher rules: %w", err)
	}
	r := &Rules{create: byPath(doc.Create), update: byPath(doc.Update)}
	for path := range Empty().Attributes() {
		if _, ok := r.create[path]; !ok {
			return nil, fmt.Errorf("publisher rules: no create rule for %s", path)
		}
		if _, ok := r.updater(path); !ok {
			return nil, fmt.Errorf("publisher rules: no update rule for %s", path)
		}
	}
	return r, nil
}

// ruleOrGroup is a rule for one attribute, or one for each member of a group.
type ruleOrGroup[T any] struct {
	rule    T
	members map[string]T
}

func (r *ruleOrGroup[T]) UnmarshalJSON(data []byte) error {
	if data[0] == '{' {
		return json.Unmarshal(data, &r.members)
	}
	return json.Unmarshal(data, &r.rule)
}

func byPath[T any](rules map[string]ruleOrGroup[T]) map[Path]T {
	flat := map[Path]T{}
	for name, r := range rules {
		if r.members == nil {
			flat[Path(name)] = r.rule
		}
		for member, rule := range r.members {
			flat[Path(name+"."+member)] = rule
		}
	}
	return flat
}

func (r *Rules) updater(path Path) (string, bool) {
	if name, ok := r.update[path]; ok {
		return name, true
	}
	name, ok := r.update[Path(path.Group())]
	return name, ok
}

// Violation is an attribute that its publisher may not write.
type Violation struct {
	Path      Path
	Publisher string
	Operation string // "create" or "update"
}

// Error gives the description that the original's clients know.
func (v *Violation) Error() string {
	return fmt.Sprintf("[%s] %s is NOT allowed to publish field %s", v.Operation, v.Publisher, v.Path.Name())
}

// Check compares a merged profile with the stored one that it came from and
// returns an error for the first attribute that the publisher who signed it
// may not write, nil when all may be. Names only: that the signature proves
// the name is verified elsewhere, always.
func (r *Rules) Check(stored, merged *Profile) *Violation {
	for path, now := range merged.Attributes() {
		if v := r.checkOne(path, stored.Get(path), now); v != nil {
			return v
		}
	}
	return nil
}

func (r *Rules) checkOne(path Path, old, now *Attribute) *Violation {
	if now == old || now.IsNull() && old.IsNull() {
		return nil
	}
	publisher := now.Publisher()
	switch {
	case old.IsNull():
		if slices.Contains(r.create[path], publisher) {
			return nil
		}
		return &Violation{path, publisher, "create"}
	case sameValue(old, now) && sameVisibility(old, now):
		return nil
	case sameValue(old, now) && publisher == Specialist:
		return nil
	case path == Active && slices.Contains(ActivePublishers, publisher):
		return nil
	}
	if owner, ok := r.updater(path); ok && owner != "" && owner == publisher {
		return nil
	}
	return &Violation{path, publisher, "update"}
}
