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

// Complete returns incoming as a whole profile: its attributes that are not
// null, and whatever else it has that v2 does not know, on the empty profile.
// It is what the schema judges, so that a partial profile is valid when each
// thing it says is.
func Complete(incoming *Profile) *Profile {
	return &Profile{completeMembers(Empty().members, incoming.members)}
}

func completeMembers(base, incoming []member) []member {
	out := append(make([]member, 0, len(base)+1), base...)
	for _, m := range incoming {
		// No two of incoming have the same name, so only base can have it already.
		i := indexOf(base, m.name)
		switch {
		case i < 0:
			out = append(out, m)
		case m.group != nil && out[i].group != nil:
			out[i].group = completeMembers(out[i].group, m.group)
		case out[i].attr != nil && m.attr.isNullAttribute(), m.isNull():
		default:
			out[i] = m
		}
	}
	return out
}

// isNullAttribute tells an attribute without value from no attribute at all.
func (a *Attribute) isNullAttribute() bool { return a != nil && a.IsNull() }

func (m member) isNull() bool { return m.other != nil && m.other.Kind() == 'n' }
