package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"cis/vault"
)

// writeStatements are the statements of Put and Index, prepared once for the
// writing connection.
type writeStatements struct {
	create, update, bury, remove, exhume, log *sql.Stmt

	terms, addTerm, removeTerm, mend, indexed, current *sql.Stmt
}

// notStoredYet holds while the change log does not have the sequence number.
const notStoredYet = ` NOT EXISTS (SELECT 1 FROM change_log WHERE sequence_number = ?2)`

// prepare gives create and update the same parameters: 1–8 are the record's
// columns, 9 is the sequence number that it was made from.
func (w *writeStatements) prepare(ctx context.Context, db *sql.DB) (err error) {
	for statement, text := range map[**sql.Stmt]string{
		&w.create: `INSERT INTO identity_vault (` + recordColumns + `)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
			WHERE ?9 = coalesce((SELECT sequence_number FROM tombstone WHERE id = ?1), '') AND` + notStoredYet + `
			ON CONFLICT (id) DO NOTHING`,
		&w.update: `UPDATE identity_vault
			SET sequence_number = ?2, revision = ?3, active = ?4, user_uuid = ?5,
				primary_email = ?6, primary_username = ?7, profile = ?8
			WHERE id = ?1 AND sequence_number = ?9 AND` + notStoredYet,
		&w.bury: `INSERT INTO tombstone (id, sequence_number, revision)
			SELECT ?1, ?2, ?3 FROM identity_vault WHERE id = ?1 AND sequence_number = ?4 AND` + notStoredYet,
		&w.remove: `DELETE FROM identity_vault WHERE id = ?`,
		&w.exhume: `DELETE FROM tombstone WHERE id = ?`,
		&w.log:    `INSERT INTO change_log (sequence_number, id, revision, condition, changed, digest) VALUES (?, ?, ?, ?, ?, ?)`,

		&w.terms:      `SELECT attribute, value, active FROM search_index WHERE id = ?`,
		&w.addTerm:    `INSERT INTO search_index (attribute, value, active, id) VALUES (?, ?, ?, ?)`,
		&w.removeTerm: `DELETE FROM search_index WHERE attribute = ? AND value = ? AND active = ? AND id = ?`,
		// The ends of runs that a write of one person can move are the person's own
		// and those of whoever is before.
		&w.mend: mend + ` AND e.id IN (?1,
			(SELECT max(id) FROM identity_vault WHERE active = 0 AND id < ?1),
			(SELECT max(id) FROM identity_vault WHERE active = 1 AND id < ?1))`,
		&w.indexed: `DELETE FROM not_indexed WHERE id = ?`,
		&w.current: `SELECT EXISTS (SELECT 1 FROM identity_vault WHERE id = ? AND sequence_number = ?)`,
	} {
		if *statement, err = db.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Put implements vault.Store. All writes of a call that do not lose are stored
// in one transaction, with their index entries: after an error, and after the
// death of the process, it is all of them or none.
func (s *Store) Put(ctx context.Context, writes ...vault.Write) (conflicts []int, err error) {
	for i, w := range writes {
		if err := w.Validate(); err != nil {
			return nil, fmt.Errorf("vault %s: put: write %d: %w", s.path, i, err)
		}
	}
	if len(writes) == 0 {
		return nil, s.failed(ctx, "put", ctx.Err())
	}
	err = s.inTransaction(ctx, func(tx *sql.Tx) error {
		conflicts = nil
		for i, w := range writes {
			stored, err := s.putOne(ctx, tx, w)
			if err != nil {
				return err
			}
			if !stored {
				conflicts = append(conflicts, i)
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.failed(ctx, "put", err)
	}
	return conflicts, nil
}

func (s *Store) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// putOne stores a write, and tells whether it was stored or has lost.
func (s *Store) putOne(ctx context.Context, tx *sql.Tx, w vault.Write) (stored bool, err error) {
	exec := func(statement *sql.Stmt, args ...any) (changed bool, err error) {
		result, err := tx.StmtContext(ctx, statement).ExecContext(ctx, args...)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		return n > 0, err
	}
	r := w.Record
	columns := []any{r.ID, r.SequenceNumber, r.Revision, r.Active, r.UUID, r.PrimaryEmail, r.PrimaryUsername, string(r.Profile), w.Read}
	switch w.Condition {
	case "delete":
		stored, err = exec(s.write.bury, r.ID, r.SequenceNumber, r.Revision, w.Read)
	default:
		if stored, err = exec(s.write.update, columns...); err == nil && !stored {
			stored, err = exec(s.write.create, columns...)
		}
	}
	if err != nil || !stored {
		return false, err
	}
	after := s.write.exhume
	if r.Deleted() {
		after = s.write.remove
	}
	if _, err := exec(after, r.ID); err != nil {
		return false, err
	}
	if _, err := exec(s.write.log, r.SequenceNumber, r.ID, r.Revision, w.Condition, strings.Join(w.Changed, " "), w.Digest); err != nil {
		return false, err
	}
	return true, s.index(ctx, tx, r, w.Terms)
}

// entry is a row of search_index, but for its id.
type entry struct {
	vault.Term
	active bool
}

// index makes the record's rows of search_index those of terms. Most changes
// of a person leave them as they are.
func (s *Store) index(ctx context.Context, tx *sql.Tx, r vault.Record, terms []vault.Term) error {
	wanted := make(map[entry]bool, len(terms))
	for _, t := range terms {
		wanted[entry{t, r.Active}] = true
	}
	var stale []entry
	err := eachRow(ctx, tx.StmtContext(ctx, s.write.terms), []any{r.ID}, func(rows *sql.Rows) error {
		var e entry
		if err := rows.Scan(&e.Attribute, &e.Value, &e.active); err != nil {
			return err
		}
		if !wanted[e] {
			stale = append(stale, e)
		}
		delete(wanted, e)
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range stale {
		if _, err := tx.StmtContext(ctx, s.write.removeTerm).ExecContext(ctx, e.Attribute, e.Value, e.active, r.ID); err != nil {
			return err
		}
	}
	for e := range wanted {
		if _, err := tx.StmtContext(ctx, s.write.addTerm).ExecContext(ctx, e.Attribute, e.Value, e.active, r.ID); err != nil {
			return err
		}
	}
	if _, err := tx.StmtContext(ctx, s.write.mend).ExecContext(ctx, r.ID); err != nil {
		return err
	}
	_, err = tx.StmtContext(ctx, s.write.indexed).ExecContext(ctx, r.ID)
	return err
}

// Index implements vault.Store.
func (s *Store) Index(ctx context.Context, records ...vault.Indexed) error {
	err := s.inTransaction(ctx, func(tx *sql.Tx) error {
		for _, r := range records {
			if err := s.indexCurrent(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return s.failed(ctx, "index", err)
}

// indexCurrent indexes a record unless it was written since it was read.
func (s *Store) indexCurrent(ctx context.Context, tx *sql.Tx, r vault.Indexed) error {
	var current bool
	row := tx.StmtContext(ctx, s.write.current).QueryRowContext(ctx, r.Record.ID, r.Record.SequenceNumber)
	if err := row.Scan(&current); err != nil || !current {
		return err
	}
	return s.index(ctx, tx, r.Record, r.Terms)
}
