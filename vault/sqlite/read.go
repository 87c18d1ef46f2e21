package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cis/vault"
)

// readStatements are the queries, prepared once for each reading connection.
type readStatements struct {
	get, applied lookup
	find         map[vault.Key]*sql.Stmt

	incomplete, count, unindexed, unindexedCount *sql.Stmt
}

const (
	headColumns   = `id, sequence_number, revision, active, user_uuid, primary_email, primary_username`
	recordColumns = headColumns + `, profile`
)

func (r *readStatements) prepare(ctx context.Context, db *sql.DB) (err error) {
	if r.get, err = prepareLookup(ctx, db, `SELECT `+recordColumns+` FROM identity_vault WHERE id {keys}
		UNION ALL SELECT id, sequence_number, revision, 0, '', '', '', '' FROM tombstone WHERE id {keys}`); err != nil {
		return err
	}
	if r.applied, err = prepareLookup(ctx, db,
		`SELECT sequence_number, id, revision, condition, changed, digest FROM change_log WHERE sequence_number {keys}`); err != nil {
		return err
	}
	r.find = make(map[vault.Key]*sql.Stmt)
	for key, column := range map[vault.Key]string{
		vault.KeyUserID:          "id",
		vault.KeyUUID:            "user_uuid",
		vault.KeyPrimaryEmail:    "primary_email",
		vault.KeyPrimaryUsername: "primary_username",
	} {
		if r.find[key], err = db.PrepareContext(ctx, `SELECT `+headColumns+`,
				CASE WHEN id = ?2 AND sequence_number = ?3 THEN '' ELSE profile END
			FROM identity_vault WHERE `+column+` = ?1 AND `+column+` <> '' ORDER BY active DESC, id LIMIT 1`); err != nil {
			return err
		}
	}
	for statement, text := range map[**sql.Stmt]string{
		&r.incomplete: `SELECT EXISTS (SELECT 1 FROM not_indexed)`,
		&r.count:      `SELECT count(*) FROM (SELECT 1 FROM search_index WHERE attribute = ? AND value = ? LIMIT 200)`,
		&r.unindexed: `SELECT ` + recordColumns + ` FROM identity_vault
			WHERE id IN (SELECT id FROM not_indexed ORDER BY id LIMIT ?)`,
		&r.unindexedCount: `SELECT count(*) FROM not_indexed`,
	} {
		if *statement, err = db.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// lookup reads rows by key, any number of them, in statements of two sizes: a
// statement has a limit on its parameters, and one for every number of keys
// could not be prepared in advance.
type lookup struct {
	one, many *sql.Stmt
}

// lookupSize is how many keys the larger statement takes.
const lookupSize = 100

// prepareLookup prepares a query in which "{keys}" stands for the comparison of
// a column with the keys.
func prepareLookup(ctx context.Context, db *sql.DB, query string) (l lookup, err error) {
	if l.one, err = db.PrepareContext(ctx, strings.ReplaceAll(query, "{keys}", "= ?1")); err != nil {
		return l, err
	}
	many := "IN (?1"
	for i := 2; i <= lookupSize; i++ {
		many += ", ?" + strconv.Itoa(i)
	}
	l.many, err = db.PrepareContext(ctx, strings.ReplaceAll(query, "{keys}", many+")"))
	return l, err
}

// each calls row for every row that has one of the keys.
func (l lookup) each(ctx context.Context, keys []string, row func(*sql.Rows) error) error {
	args := make([]any, 0, lookupSize)
	for len(keys) > 0 {
		statement := l.one
		args = append(args[:0], keys[0])
		if len(keys) > 1 {
			statement = l.many
			for i := 1; i < lookupSize; i++ {
				args = append(args, keys[min(i, len(keys)-1)]) // filled up with the last
			}
		}
		if err := eachRow(ctx, statement, args, row); err != nil {
			return err
		}
		keys = keys[min(len(args), len(keys)):]
	}
	return nil
}

func eachRow(ctx context.Context, statement *sql.Stmt, args []any, row func(*sql.Rows) error) error {
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below has what it could say
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

type scanner interface{ Scan(dest ...any) error }

func scanRecord(row scanner) (r vault.Record, err error) {
	err = row.Scan(&r.ID, &r.SequenceNumber, &r.Revision, &r.Active, &r.UUID, &r.PrimaryEmail, &r.PrimaryUsername, &r.Profile)
	if len(r.Profile) == 0 {
		r.Profile = nil
	}
	return r, err
}

// Get implements vault.Store.
func (s *Store) Get(ctx context.Context, ids ...string) (map[string]vault.Record, error) {
	records := make(map[string]vault.Record, len(ids))
	err := s.read.get.each(ctx, ids, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		records[r.ID] = r
		return err
	})
	if err != nil {
		return nil, s.failed(ctx, "get", err)
	}
	return records, nil
}

// Find implements vault.Store.
func (s *Store) Find(ctx context.Context, key vault.Key, value string, known vault.Version) (vault.Record, error) {
	statement, ok := s.read.find[key]
	if !ok {
		return vault.Record{}, s.failed(ctx, "find", fmt.Errorf("%w: there is no key %q", vault.ErrInvalid, key))
	}
	if ctx.Err() != nil {
		return vault.Record{}, s.failed(ctx, "find", ctx.Err())
	}
	// Reading one row takes less time than the goroutines that would end it
	// with its context.
	row := statement.QueryRowContext(context.WithoutCancel(ctx), value, known.ID, known.SequenceNumber)
	r, err := scanRecord(row)
	if errors.Is(err, sql.ErrNoRows) {
		return vault.Record{}, vault.ErrNotFound
	}
	return r, s.failed(ctx, "find", err)
}

// Applied implements vault.Store.
func (s *Store) Applied(ctx context.Context, sequenceNumbers ...string) (map[string]vault.Applied, error) {
	applied := make(map[string]vault.Applied, len(sequenceNumbers))
	err := s.read.applied.each(ctx, sequenceNumbers, func(rows *sql.Rows) error {
		var a vault.Applied
		var changed string
		err := rows.Scan(&a.SequenceNumber, &a.ID, &a.Revision, &a.Condition, &changed, &a.Digest)
		if changed != "" {
			a.Changed = strings.Split(changed, " ")
		}
		applied[a.SequenceNumber] = a
		return err
	})
	if err != nil {
		return nil, s.failed(ctx, "look into the change log", err)
	}
	return applied, nil
}
