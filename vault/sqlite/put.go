package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"cis/vault"
)

// writeStatements are the statements of Put, prepared once for the writing
// connection.
type writeStatements struct {
	create, update, log *sql.Stmt
}

// prepare gives create and update the same parameters: 1–8 are the record's
// columns, 9 is the sequence number that it was made from.
func (w *writeStatements) prepare(ctx context.Context, db *sql.DB) (err error) {
	const notStoredYet = ` NOT EXISTS (SELECT 1 FROM change_log WHERE sequence_number = ?2)`
	if w.create, err = db.PrepareContext(ctx, `INSERT INTO identity_vault (`+recordColumns+`)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?9 = '' AND`+notStoredYet+`
		ON CONFLICT (id) DO NOTHING`); err != nil {
		return err
	}
	if w.update, err = db.PrepareContext(ctx, `UPDATE identity_vault
		SET sequence_number = ?2, revision = ?3, active = ?4, user_uuid = ?5,
			primary_email = ?6, primary_username = ?7, profile = ?8
		WHERE id = ?1 AND sequence_number = ?9 AND`+notStoredYet); err != nil {
		return err
	}
	w.log, err = db.PrepareContext(ctx,
		`INSERT INTO change_log (sequence_number, id, revision, condition, changed) VALUES (?, ?, ?, ?, ?)`)
	return err
}

// Put implements vault.Store. All writes of a call that do not lose are stored
// in one transaction: after an error, and after the death of the process, it
// is all of them or none.
func (s *Store) Put(ctx context.Context, writes ...vault.Write) (conflicts []int, err error) {
	for i, w := range writes {
		if err := w.Validate(); err != nil {
			return nil, fmt.Errorf("vault %s: put: write %d: %w", s.path, i, err)
		}
	}
	if len(writes) == 0 {
		return nil, s.failed(ctx, "put", ctx.Err())
	}
	conflicts, err = s.put(ctx, writes)
	if err != nil {
		return nil, s.failed(ctx, "put", err)
	}
	return conflicts, nil
}

func (s *Store) put(ctx context.Context, writes []vault.Write) (conflicts []int, err error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	create, update, log := tx.StmtContext(ctx, s.write.create), tx.StmtContext(ctx, s.write.update), tx.StmtContext(ctx, s.write.log)
	for i, w := range writes {
		statement := update
		if w.Read == "" {
			statement = create
		}
		r := w.Record
		result, err := statement.ExecContext(ctx, r.ID, r.SequenceNumber, r.Revision, r.Active,
			r.UUID, r.PrimaryEmail, r.PrimaryUsername, string(r.Profile), w.Read)
		if err != nil {
			return nil, err
		}
		stored, err := result.RowsAffected()
		if err != nil {
			return nil, err
		}
		if stored == 0 {
			conflicts = append(conflicts, i)
			continue
		}
		if _, err := log.ExecContext(ctx, r.SequenceNumber, r.ID, r.Revision, w.Condition, strings.Join(w.Changed, " ")); err != nil {
			return nil, err
		}
	}
	return conflicts, tx.Commit()
}
