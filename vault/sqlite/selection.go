package sqlite

import (
	"strconv"
	"strings"

	"cis/vault"
)

// selection writes a query as SQL. Active and inactive people are two walks
// along an index, merged by id: each stops at the limit.
func selection(q vault.Query) (text string, args []any) {
	var s statement
	limit := s.arg(q.Limit)
	var walks []string
	for _, active := range map[vault.Activity][]bool{
		vault.ActiveOnly: {true}, vault.InactiveOnly: {false}, vault.AnyActivity: {false, true},
	}[q.Activity] {
		walks = append(walks, s.walk(q, active, limit))
	}
	return `SELECT v.id, v.user_uuid, v.primary_email, v.active
		FROM (` + strings.Join(walks, ` UNION ALL `) + ` ORDER BY id LIMIT ` + limit + `) AS found
		CROSS JOIN identity_vault AS v ON v.id = found.id ORDER BY found.id`, s.args
}

// statement collects a statement's parameters while its text is written.
type statement struct{ args []any }

// arg adds a parameter and returns what stands for it in the text.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "?" + strconv.Itoa(len(s.args))
}

// walk selects ids of active or inactive people in their order. Where terms are
// given, the people of the first are walked and the index is probed for each of
// the others.
func (s *statement) walk(q vault.Query, active bool, limit string) string {
	is := s.arg(active)
	from, probed := `identity_vault AS t WHERE t.active = `+is, q.With
	if len(q.With) > 0 {
		from, probed = `search_index AS t WHERE `+s.entries("t", q.With[0], is), q.With[1:]
	}
	if end := prefixEnd(q.Prefix); end != "" {
		from += ` AND t.id < ` + s.arg(end)
	}
	first := ` AND t.id >= ` + s.arg(q.Prefix)
	if q.After >= q.Prefix {
		first = ` AND t.id > ` + s.arg(q.After)
	}
	var probes string
	for _, term := range probed {
		probes += ` AND EXISTS (SELECT 1 FROM search_index AS p WHERE ` + s.entries("p", term, is) + ` AND p.id = t.id)`
	}
	if len(q.Without) == 0 {
		return `SELECT t.id AS id FROM ` + from + first + probes
	}
	return s.leap(from, first, s.passed(q.Without, is), probes, limit)
}

// entries is the condition that rows of search_index are a term's.
func (s *statement) entries(table string, term vault.Term, active string) string {
	return table + `.attribute = ` + s.arg(term.Attribute) + ` AND ` + table + `.value = ` + s.arg(term.Value) +
		` AND ` + table + `.active = ` + active
}

// leap is a walk that goes from each person to the next after those who are
// passed over, so that a group of which nobody is wanted costs one step, however
// many are in it. It has a limit of its own, as what is not known to be in order
// is read to its end.
func (s *statement) leap(from, first, passed, probes, limit string) string {
	step := func(walk, after string) string {
		return `SELECT v.id, ` + passed + ` FROM ` + walk + ` identity_vault AS v WHERE v.id = (SELECT min(t.id) FROM ` + from + after + `)`
	}
	return `SELECT id FROM (
		WITH RECURSIVE walk (id, passed) AS (
			` + step(``, first) + `
			UNION ALL
			` + step(`walk CROSS JOIN`, ` AND t.id > max(walk.id, walk.passed)`) + `
		)
		SELECT t.id AS id FROM (SELECT id FROM walk WHERE passed = '') AS t WHERE true` + probes + ` LIMIT ` + limit + `)`
}

// passed is the last of the people who all have one of the terms, from the
// person v on; the empty text where v has none of them.
func (s *statement) passed(terms []vault.Term, active string) string {
	last := `max(''`
	for _, term := range terms {
		last += `, coalesce((SELECT coalesce((SELECT min(e.id) FROM search_index AS e
				WHERE ` + s.entries("e", term, active) + ` AND e.ends = 1 AND e.id >= p.id), p.id)
			FROM search_index AS p WHERE ` + s.entries("p", term, active) + ` AND p.id = v.id), '')`
	}
	return last + `)`
}

// prefixEnd is the smallest text above all that begin with the prefix; "" if
// there is none. No UTF-8 has the byte 0xff, so that the last can be raised.
func prefixEnd(prefix string) string {
	if prefix == "" {
		return ""
	}
	end := []byte(prefix)
	end[len(end)-1]++
	return string(end)
}
