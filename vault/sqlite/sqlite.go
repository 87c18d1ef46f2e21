// Package sqlite keeps the vault in one SQLite file.
//
// Several processes of one machine may have the file open at once, but it must
// not lie on a network file system. A write that was acknowledged survives the
// death of the process, and, as far as the disk keeps what it says it has
// written, a power cut too: every Put ends with a sync of the write-ahead log
// (journal_mode WAL, synchronous FULL). Beside the file there are two more
// while it is open, with the endings -wal and -shm; they belong to it, and a
// copy of an open vault needs all three (or SQLite's own backup).
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"modernc.org/sqlite" // the driver "sqlite"

	"cis/vault"
)

// Store is a vault in a SQLite file. One connection writes, several read, and
// neither waits for the other.
type Store struct {
	path            string
	writer, readers *sql.DB
	write           writeStatements
	read            readStatements
	close           func() error
}

var _ vault.Store = (*Store)(nil)

// Option changes how Open does its work.
type Option func(*options)

type options struct {
	busyTimeout time.Duration
	readers     int
}

// BusyTimeout sets how long a call waits for another process that is writing
// to the file before it fails; 10 seconds if not set. Calls of the same Store
// queue up for as long as their contexts allow.
func BusyTimeout(d time.Duration) Option { return func(o *options) { o.busyTimeout = d } }

// Readers sets how many calls can read at the same time; if not set, as many
// as there are processors, but at least four.
func Readers(n int) Option { return func(o *options) { o.readers = n } }

// Open opens the vault in the file at path, which it creates if there is none
// (readable for its owner only) and brings to the newest version if there is an
// older one. The file's folder must exist.
//
// A file that cannot be opened or written, is damaged, belongs to something
// else, or was written by a newer version of this program is an error of one
// line that names the file.
func Open(path string, with ...Option) (*Store, error) {
	o := options{busyTimeout: 10 * time.Second, readers: max(4, runtime.NumCPU())}
	for _, option := range with {
		option(&o)
	}
	s, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w", path, err)
	}
	return s, nil
}

func open(path string, o options) (_ *Store, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := create(absolute); err != nil {
		return nil, err
	}
	s := &Store{path: path}
	s.close = sync.OnceValue(s.closeAll)
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()

	busy := strconv.FormatInt(o.busyTimeout.Milliseconds(), 10)
	if s.writer, err = connect(absolute, 1, url.Values{
		"_txlock":       {"immediate"},
		"_synchronous":  {"FULL"},
		"_busy_timeout": {busy},
		// Lets the log shrink again after a burst.
		"_pragma": {"journal_size_limit(67108864)"},
	}); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if err := prepareFile(ctx, s.writer, o.busyTimeout); err != nil {
		return nil, err
	}
	if s.readers, err = connect(absolute, o.readers, url.Values{
		"_query_only":   {"true"},
		"_busy_timeout": {busy},
	}); err != nil {
		return nil, err
	}
	if err := s.write.prepare(ctx, s.writer); err != nil {
		return nil, err
	}
	return s, s.read.prepare(ctx, s.readers)
}

// creating keeps create from closing a file that another Open of this process
// has just locked: POSIX drops all of a process's locks on a file when any of
// its descriptors is closed.
var creating sync.Mutex

// create makes an empty file for the owner only: SQLite would let the umask
// decide. The files that SQLite puts beside it get the same permissions.
func create(path string) error {
	creating.Lock()
	defer creating.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // SQLite has its own opinion on what is there
	}
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("the file cannot be created: %w", pathError.Err)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// connect returns a pool of up to n connections, which stay open.
func connect(path string, n int, settings url.Values) (*sql.DB, error) {
	settings.Set("_dqs", "false")
	settings.Set("_defensive", "true")
	settings.Set("_error_rc", "true")
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	var version int
	err := s.readers.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
	return s.failed(ctx, "ping", err)
}

// Close waits for calls that are under way and closes the file. When no other
// process has it open, the files beside it are folded into it and removed.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeAll() error {
	var errs []error
	// The writer last: it tidies up when it is the last to go.
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("vault %s: close: %w", s.path, err)
	}
	return nil
}

// failed says where an error came from; nil stays nil. What SQLite says of a
// call whose context has ended varies with the moment, so the context's own
// error replaces it.
func (s *Store) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("vault %s: %s: %w", s.path, doing, err)
}
