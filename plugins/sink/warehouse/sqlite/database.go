package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

const (
	// cacheKiB is the page cache: the keys of pb_events are random, and a page
	// that is not in memory is a read for every row.
	cacheKiB = 48 << 10
	// checkpointPages is how many pages of 4 KiB the write-ahead log collects
	// before they go into the database: a page that many batches change is then
	// written there once. With journal_size_limit it bounds the log's file, which
	// is used again from its start rather than cut and grown.
	checkpointPages = 16 << 10
	walBytes        = checkpointPages * 4096
)

// database is an open file with its prepared statements. It is used by one
// goroutine at a time.
type database struct {
	conn   *sqlite.Conn
	path   string
	file   os.FileInfo // what path named when it was opened
	recent recent
	*statements
}

// openDatabase opens or creates the file and brings its tables up to date.
func openDatabase(ctx context.Context, path string, cfg *Config, now func() time.Time, steps []migration) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, &sdk.Failure{Class: sdk.Misconfigured, Code: "cannot_open", Err: fmt.Errorf("sqlite: open: %w", err)}
	}
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	// I16: a file of a newer version is refused before anything could write to it.
	if err := refuseNewer(path, steps); err != nil {
		return nil, failure("open", err)
	}
	if err := create(path); err != nil {
		return nil, err
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, failure("open", err)
	}
	conn.SetInterrupt(ctx.Done())
	d := &database{conn: conn, path: path}
	if err := d.prepare(cfg, now, steps); err != nil {
		return nil, errors.Join(failure("open", err), d.close())
	}
	conn.SetInterrupt(nil)
	return d, nil
}

// create makes an empty file that only its owner can read: it will hold
// personal data. An existing file keeps its permissions.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission):
		return failure("open", sqlite.ResultReadOnly.ToError())
	}
	return &sdk.Failure{Class: sdk.Misconfigured, Code: "cannot_open", Err: fmt.Errorf("sqlite: open: %w", err)}
}

// refuseNewer looks at a file that exists through a connection that cannot
// write.
func refuseNewer(path string, steps []migration) (err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // nothing is there yet; creating it reports what is wrong
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetBusyTimeout(time.Second)
	_, err = pending(conn, steps)
	return err
}

// prepare sets the connection up. What it sets is per connection, except the
// page size and the journal mode, which the file keeps.
func (d *database) prepare(cfg *Config, now func() time.Time, steps []migration) error {
	d.conn.SetBusyTimeout(cfg.BusyTimeout)
	info, err := os.Stat(d.path)
	if err != nil {
		return &sdk.Failure{Class: sdk.Misconfigured, Code: "cannot_open", Err: fmt.Errorf("sqlite: open: %w", err)}
	}
	d.file = info
	synchronous := "FULL"
	if cfg.Synchronous == "normal" {
		synchronous = "NORMAL"
	}
	for _, p := range []string{
		"page_size = 4096",
		"journal_mode = WAL",
		"synchronous = " + synchronous,
		// Where the platform's fsync does not reach the disk, use what does.
		"fullfsync = ON", "checkpoint_fullfsync = ON",
		fmt.Sprintf("cache_size = -%d", cacheKiB),
		fmt.Sprintf("wal_autocheckpoint = %d", checkpointPages),
		fmt.Sprintf("journal_size_limit = %d", walBytes),
		"temp_store = MEMORY",
		"trusted_schema = OFF",
	} {
		if err := execute(d.conn, "PRAGMA "+p); err != nil {
			return err
		}
	}
	if err := migrate(d.conn, now, steps); err != nil {
		return err
	}
	d.statements, err = newStatements(d.conn)
	return err
}

// moved reports whether the path no longer names the file that is open: what is
// written would be in a file that nobody finds.
func (d *database) moved() bool {
	info, err := os.Stat(d.path)
	return err != nil || !os.SameFile(info, d.file)
}

// logSize is the size of the write-ahead log's file, 0 if there is none.
func (d *database) logSize() int64 {
	info, err := os.Stat(d.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// close merges the log into the database, so that a copy of the one file is
// complete, and closes it.
func (d *database) close() error {
	d.conn.SetInterrupt(nil)
	// Not an error: readers may still use the log, which stays beside the file.
	_ = execute(d.conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	return d.conn.Close()
}

// execute runs one statement and drops its rows.
func execute(conn *sqlite.Conn, query string) error {
	stmt, _, err := conn.PrepareTransient(query)
	if err != nil {
		return err
	}
	err = drain(stmt)
	return errors.Join(err, stmt.Finalize())
}

func drain(stmt *sqlite.Stmt) error {
	for {
		if more, err := stmt.Step(); err != nil || !more {
			return err
		}
	}
}

// queryInt runs a query for one number.
func queryInt(conn *sqlite.Conn, query string) (n int64, err error) {
	stmt, _, err := conn.PrepareTransient(query)
	if err != nil {
		return 0, err
	}
	row, err := stmt.Step()
	if err == nil && row {
		n = stmt.ColumnInt64(0)
	}
	return n, errors.Join(err, stmt.Finalize())
}

// pending returns the steps that the file lacks, or refuses a file of a version
// that this program does not know (I16).
func pending(conn *sqlite.Conn, steps []migration) ([]migration, error) {
	tables, err := queryInt(conn, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'pb_schema'")
	if err != nil || tables == 0 {
		return steps, err
	}
	version, err := queryInt(conn, "SELECT max(version) FROM pb_schema")
	if err != nil {
		return nil, err
	}
	known := steps[len(steps)-1].version
	if version > known {
		return nil, &sdk.Failure{Class: sdk.Misconfigured, Code: "newer_version", Err: fmt.Errorf(
			"sqlite: the file has tables of version %d, this program knows up to %d: use the newer program, or another file", version, known)}
	}
	for i := range steps {
		if steps[i].version > version {
			return steps[i:], nil
		}
	}
	return nil, nil
}

// migrate applies what the file lacks. Every step is a transaction and is
// recorded in it, so that a migration can be killed and started again. The steps
// are read again under the write lock: another process may have been first.
func migrate(conn *sqlite.Conn, now func() time.Time, steps []migration) error {
	for {
		todo, err := pending(conn, steps)
		if err != nil || len(todo) == 0 {
			return err
		}
		if err := execute(conn, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if todo, err = pending(conn, steps); err == nil && len(todo) > 0 {
			err = apply(conn, now, todo[0])
		}
		if err != nil {
			return errors.Join(err, execute(conn, "ROLLBACK"))
		}
		if err := execute(conn, "COMMIT"); err != nil {
			return err
		}
	}
}

func apply(conn *sqlite.Conn, now func() time.Time, m migration) error {
	for _, q := range m.statements {
		if err := execute(conn, q); err != nil {
			return fmt.Errorf("version %d: %w", m.version, err)
		}
	}
	return execute(conn, fmt.Sprintf("INSERT INTO pb_schema (version, applied_at) VALUES (%d, %d)", m.version, now().UnixMicro()))
}
