package profile

// Merge puts the attributes of incoming that say something new onto stored and
// returns the result with the paths that it replaced, in incoming's order.
//
// An attribute replaces the stored one, whole, when it is not null and its
// value, its display level or its verified flag differ. Another signature,
// other timestamps or another classification alone are no news. A null never
// erases. What stored has and incoming lacks stays. No paths: a no-op, and
// the result is stored itself.
//
// last_modified is CIS's own: an incoming one never counts on an update. On a
// creation, where stored has none, it is merged like any other.
func Merge(stored, incoming *Profile) (merged *Profile, changed []Path) {
	merged = stored
	for path, attribute := range incoming.Attributes() {
		if replaces(path, stored.Get(path), attribute) {
			merged = merged.With(path, attribute)
			changed = append(changed, path)
		}
	}
	return merged, changed
}

func replaces(path Path, old, new *Attribute) bool {
	if new.IsNull() {
		return false
	}
	if old.IsNull() {
		return true
	}
	if path == LastModified {
		return false
	}
	return !sameValue(old, new) || !sameVisibility(old, new)
}

// Said returns what incoming says: without its attributes and other members of
// v2 that are null. It is what the schema judges, so that a partial profile is
// valid when each thing it says is. What v2 does not know is left in it.
func Said(incoming *Profile) *Profile {
	return &Profile{saidMembers(Empty().members, incoming.members)}
}

func saidMembers(known, incoming []member) []member {
	out := make([]member, 0, len(incoming))
	for _, m := range incoming {
		i := indexOf(known, m.name)
		switch {
		case i < 0:
		case m.group != nil && known[i].group != nil:
			m.group = saidMembers(known[i].group, m.group)
		case known[i].attr != nil && m.attr.isNullAttribute(), m.isNull():
			continue
		}
		out = append(out, m)
	}
	return out
}

// isNullAttribute tells an attribute without value from no attribute at all.
func (a *Attribute) isNullAttribute() bool { return a != nil && a.IsNull() }

func (m member) isNull() bool { return m.other != nil && m.other.Kind() == 'n' }
