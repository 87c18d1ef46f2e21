package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks a SQLite file as a vault: "CISv".
const applicationID = 0x43495376

// migrations take a file from each version to the next; an empty file has
// version 0. They are history: add to the end, never change one that was
// released.
//
// The columns of identity_vault have the names that the attributes of the
// DynamoDB table have. The profile comes last, so that a row's other columns
// can be read without it. The order of the indexes is the order of Find.
var migrations = []string{
	`PRAGMA application_id = 1128878966;

	CREATE TABLE identity_vault (
		id               TEXT    NOT NULL PRIMARY KEY,
		sequence_number  TEXT    NOT NULL,
		revision         INTEGER NOT NULL,
		active           INTEGER NOT NULL,
		user_uuid        TEXT    NOT NULL,
		primary_email    TEXT    NOT NULL,
		primary_username TEXT    NOT NULL,
		profile          TEXT    NOT NULL
	) STRICT;
	CREATE INDEX identity_vault_user_uuid        ON identity_vault (user_uuid,        active DESC, id) WHERE user_uuid        <> '';
	CREATE INDEX identity_vault_primary_email    ON identity_vault (primary_email,    active DESC, id) WHERE primary_email    <> '';
	CREATE INDEX identity_vault_primary_username ON identity_vault (primary_username, active DESC, id) WHERE primary_username <> '';

	CREATE TABLE change_log (
		sequence_number TEXT    NOT NULL PRIMARY KEY,
		id              TEXT    NOT NULL,
		revision        INTEGER NOT NULL,
		condition       TEXT    NOT NULL,
		changed         TEXT    NOT NULL -- names of attributes, separated by spaces
	) STRICT, WITHOUT ROWID;`,

	// Every living record has its terms in search_index, except those that are
	// named in not_indexed. The indexes hold active, so that a list of active
	// people does not pass over those who left.
	`CREATE TABLE tombstone (
		id              TEXT    NOT NULL PRIMARY KEY,
		sequence_number TEXT    NOT NULL,
		revision        INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX identity_vault_active ON identity_vault (active, id);

	CREATE TABLE search_index (
		attribute TEXT    NOT NULL,
		value     TEXT    NOT NULL,
		active    INTEGER NOT NULL,
		id        TEXT    NOT NULL,
		PRIMARY KEY (attribute, value, active, id)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX search_index_id ON search_index (id);

	CREATE TABLE not_indexed (id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
	INSERT INTO not_indexed SELECT id FROM identity_vault;

	ALTER TABLE change_log ADD COLUMN digest TEXT NOT NULL DEFAULT '';`,

	// A person's entry ends a run where the next person of the same activity, in
	// the order of ids, does not have the term. Whoever looks for people without
	// the term goes from one end to the next.
	`ALTER TABLE search_index ADD COLUMN ends INTEGER NOT NULL DEFAULT 1;
	CREATE INDEX search_index_ends ON search_index (attribute, value, active, id) WHERE ends = 1;
	` + mend + `;`,
}

// mend sets what is not right of search_index.ends. A statement that uses it
// may add which rows are looked at.
const mend = `UPDATE search_index AS e SET ends = NOT e.ends
	WHERE e.ends = EXISTS (SELECT 1 FROM search_index AS n
		WHERE n.attribute = e.attribute AND n.value = e.value AND n.active = e.active
			AND n.id = (SELECT min(v.id) FROM identity_vault AS v WHERE v.active = e.active AND v.id > e.id))`

// prepareFile makes sure that the file is a vault of the newest version. It
// changes nothing in a file that is not ours or is newer.
func prepareFile(ctx context.Context, db *sql.DB, busyTimeout time.Duration) error {
	if _, err := version(ctx, db); err != nil {
		return err
	}
	if err := writeAheadLog(ctx, db, busyTimeout); err != nil {
		return err
	}
	return migrate(ctx, db)
}

// writeAheadLog switches a new file to WAL, for good. While another process
// does the same SQLite may answer "busy" without having waited.
func writeAheadLog(ctx context.Context, db *sql.DB, busyTimeout time.Duration) error {
	for deadline := time.Now().Add(busyTimeout); ; time.Sleep(5 * time.Millisecond) {
		var mode string
		err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
		switch {
		case busy(err) && time.Now().Before(deadline):
			continue
		case err != nil:
			return unusable(err)
		case mode != "wal":
			return fmt.Errorf("the file system cannot hold a write-ahead log (SQLite chose %q): put the file on a local disk", mode)
		}
		return nil
	}
}

func busy(err error) bool { return code(err) == sqlite3.SQLITE_BUSY }

// code returns SQLite's primary result code, SQLITE_OK for any other error.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return sqlite3.SQLITE_OK
}

// unusable says which kind of trouble a file is. Even reading takes the right
// to write, for the files beside it.
func unusable(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the file or its folder cannot be written: %w", err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("the file cannot be opened: %w", err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process keeps the file locked: %w", err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged or not a vault: %w", err)
	default:
		return fmt.Errorf("the file cannot be used: %w", err)
	}
}

// migrate brings the file to the newest version, a transaction a step. Where
// several processes start at once, each finds out under the write lock which
// steps are left.
func migrate(ctx context.Context, db *sql.DB) error {
	for {
		done, err := migrateOnce(ctx, db)
		if err != nil || done {
			return err
		}
	}
}

func migrateOnce(ctx context.Context, db *sql.DB) (done bool, err error) {
	if v, err := version(ctx, db); err != nil || v == len(migrations) {
		return true, err // without the write lock, for a vault that is up to date
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, unusable(err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	v, err := version(ctx, tx)
	if err != nil || v == len(migrations) {
		return true, err
	}
	if _, err := tx.ExecContext(ctx, migrations[v]); err != nil {
		return false, fmt.Errorf("changing the file from version %d to %d: %w", v, v+1, err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, v+1)); err != nil {
		return false, err
	}
	return false, tx.Commit()
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns the version of the vault in the file, 0 for an empty file.
func version(ctx context.Context, db queryer) (int, error) {
	var version, application, tables int
	if err := db.QueryRowContext(ctx, `SELECT
			(SELECT user_version FROM pragma_user_version),
			(SELECT application_id FROM pragma_application_id),
			(SELECT count(*) FROM sqlite_schema)`).
		Scan(&version, &application, &tables); err != nil {
		return 0, unusable(err)
	}
	empty := version == 0 && application == 0 && tables == 0
	switch {
	case application != applicationID && !empty:
		return 0, errors.New("the file is a SQLite database of something else: give the vault a file of its own")
	case version > len(migrations):
		return 0, fmt.Errorf("the file has version %d, from a newer version of this program, which knows up to %d: run the newer one",
			version, len(migrations))
	}
	return version, nil
}
