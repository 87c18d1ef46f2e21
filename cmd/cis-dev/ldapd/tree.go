package ldapd

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
	_ "modernc.org/sqlite" // the driver
)

// tree is the entries, kept in SQLite by their normalised names.
type tree struct {
	db *sql.DB
	mu sync.Mutex // one writer at a time
}

// What was answered survives the death of the process; synchronous NORMAL
// leaves the last moments to a power loss.
const pragmas = "?_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=busy_timeout(10000)&_txlock=immediate"

func openTree(file, base string) (*tree, error) {
	db, err := sql.Open("sqlite", "file:"+file+pragmas)
	if err != nil {
		return nil, err
	}
	t := &tree{db: db}
	if err := t.plant(base); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *tree) close() { _ = t.db.Close() }

// plant makes the table and the entries that people and groups are below.
func (t *tree) plant(base string) error {
	if _, err := t.db.Exec(`CREATE TABLE IF NOT EXISTS entries (
		name TEXT PRIMARY KEY, parent TEXT NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID;
		CREATE INDEX IF NOT EXISTS entries_by_parent ON entries (parent)`); err != nil {
		return err
	}
	root, err := ldap.ParseDN(base)
	if err != nil || len(root.RDNs) == 0 {
		return errors.New("the base DN is no distinguished name")
	}
	first := root.RDNs[0].Attributes[0]
	class := map[string]string{"dc": "domain", "o": "organization", "ou": "organizationalUnit"}[strings.ToLower(first.Type)]
	if class == "" {
		class = "top"
	}
	entries := []entry{{base, []attribute{{"objectClass", []string{class}}, {first.Type, []string{first.Value}}}}}
	for _, unit := range []string{"people", "groups"} {
		entries = append(entries, entry{"ou=" + unit + "," + base,
			[]attribute{{"objectClass", []string{"organizationalUnit"}}, {"ou", []string{unit}}}})
	}
	for _, e := range entries {
		name, parent, _, err := normal(e.DN)
		if err != nil {
			return err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := t.db.Exec(`INSERT OR IGNORE INTO entries VALUES (?, ?, ?)`, name, parent, body); err != nil {
			return err
		}
	}
	return nil
}

// normal returns a name and its parent's in the form that equal names share,
// and the name's first part.
func normal(dn string) (name, parent string, naming *ldap.RelativeDN, err error) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		return "", "", nil, refused(gldap.ResultInvalidDNSyntax, "the name is no distinguished name")
	}
	above := &ldap.DN{RDNs: parsed.RDNs[1:]}
	return strings.ToLower(parsed.String()), strings.ToLower(above.String()), parsed.RDNs[0], nil
}

func sameDN(a, b string) bool {
	x, _, _, errX := normal(a)
	y, _, _, errY := normal(b)
	return errX == nil && errY == nil && x == y
}

// querier is a database or a transaction.
type querier interface {
	QueryRow(query string, args ...any) *sql.Row
}

// get reads the entry of a normalised name.
func get(q querier, name string) (entry, bool, error) {
	var body []byte
	err := q.QueryRow(`SELECT entry FROM entries WHERE name = ?`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return entry{}, false, nil
	}
	if err != nil {
		return entry{}, false, err
	}
	var e entry
	return e, true, json.Unmarshal(body, &e)
}

// missing is the answer to a name without entry: it tells the nearest one
// above that there is.
func missing(q querier, dn string) error {
	r := &refusal{code: gldap.ResultNoSuchObject, message: "there is no such entry"}
	for above := dn; above != ""; {
		_, parent, _, err := normal(above)
		if err != nil {
			break
		}
		if e, ok, err := get(q, parent); err == nil && ok {
			r.matched = e.DN
			break
		}
		above = parent
	}
	return r
}

// write runs a change in a transaction.
func (t *tree) write(change func(*sql.Tx) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tx, err := t.db.Begin()
	if err != nil {
		return err
	}
	if err := change(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (t *tree) add(e entry) error {
	name, parent, naming, err := normal(e.DN)
	if err != nil {
		return err
	}
	if err := e.check(naming); err != nil {
		return err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return t.write(func(tx *sql.Tx) error {
		if _, exists, err := get(tx, name); err != nil || exists {
			return errors.Join(err, refused(gldap.ResultEntryAlreadyExists, "there is such an entry already"))
		}
		if _, exists, err := get(tx, parent); err != nil || !exists {
			return errors.Join(err, missing(tx, e.DN))
		}
		_, err := tx.Exec(`INSERT INTO entries VALUES (?, ?, ?)`, name, parent, body)
		return err
	})
}

// modify changes an entry, wholly or, when change fails, not at all.
func (t *tree) modify(dn string, change func(*entry) error) error {
	name, _, naming, err := normal(dn)
	if err != nil {
		return err
	}
	return t.write(func(tx *sql.Tx) error {
		e, exists, err := get(tx, name)
		if err != nil || !exists {
			return errors.Join(err, missing(tx, dn))
		}
		if err := change(&e); err != nil {
			return err
		}
		if err := e.check(naming); err != nil {
			return err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE entries SET entry = ? WHERE name = ?`, body, name)
		return err
	})
}

func (t *tree) remove(dn string) error {
	name, _, _, err := normal(dn)
	if err != nil {
		return err
	}
	return t.write(func(tx *sql.Tx) error {
		if _, exists, err := get(tx, name); err != nil || !exists {
			return errors.Join(err, missing(tx, dn))
		}
		var below int
		if err := tx.QueryRow(`SELECT count(*) FROM entries WHERE parent = ?`, name).Scan(&below); err != nil {
			return err
		}
		if below > 0 {
			return refused(gldap.ResultNotAllowedOnNonLeaf, "there are entries below this one")
		}
		_, err := tx.Exec(`DELETE FROM entries WHERE name = ?`, name)
		return err
	})
}

// each calls f for the entries of a search's scope, ordered by name.
func (t *tree) each(base string, scope gldap.Scope, f func(entry) error) error {
	name, _, _, err := normal(base)
	if err != nil {
		return err
	}
	if _, exists, err := get(t.db, name); err != nil || !exists {
		return errors.Join(err, missing(t.db, base))
	}
	where := map[gldap.Scope]string{
		gldap.BaseObject:   `name = ?1`,
		gldap.SingleLevel:  `parent = ?1`,
		gldap.WholeSubtree: `name = ?1 OR substr(name, -length(?1) - 1) = ',' || ?1`,
	}[scope]
	if where == "" {
		return refused(gldap.ResultProtocolError, "there is no such scope")
	}
	rows, err := t.db.Query(`SELECT entry FROM entries WHERE `+where+` ORDER BY name`, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		var e entry
		if err := errors.Join(rows.Scan(&body), json.Unmarshal(body, &e)); err != nil {
			return err
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
