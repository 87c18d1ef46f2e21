package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// TestListsNeverScanOrSort reads SQLite's plan of every shape of query: each
// table is searched by an index, and what comes out is in order already. Only
// where people are passed over is a page sorted, when it has been found.
func TestListsNeverScanOrSort(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	a, b := vault.Term{Attribute: "a", Value: "1"}, vault.Term{Attribute: "b", Value: "2"}
	for _, with := range [][]vault.Term{nil, {a}, {a, b}} {
		for _, without := range [][]vault.Term{nil, {a}, {a, b}} {
			for _, activity := range []vault.Activity{vault.ActiveOnly, vault.InactiveOnly, vault.AnyActivity} {
				for _, prefix := range []string{"", "ad|"} {
					q := vault.Query{With: with, Without: without, Activity: activity, Prefix: prefix, After: "ad|x", Limit: 10}
					text, args := selection(q)
					rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+text, args...)
					require.NoError(t, err)
					var plan string
					for rows.Next() {
						var id, parent, unused int
						var detail string
						require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
						plan += fmt.Sprintln(detail)
					}
					require.NoError(t, rows.Err())
					require.NotRegexp(t, `SCAN (t|v|p|identity_vault|search_index)\b`, plan, "%+v", q)
					if len(without) == 0 {
						require.NotContains(t, plan, "TEMP B-TREE", "%+v", q)
					}
				}
			}
		}
	}
}
