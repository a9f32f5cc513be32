package lab

import (
	"context"
	"fmt"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Facts reads the SQLite file that the warehouse sink writes, from outside, as
// any reader may while it is written.
type Facts struct {
	path string
}

// OpenFacts returns a reader of the file, which need not exist yet.
func OpenFacts(path string) *Facts { return &Facts{path} }

// each runs a query and calls row for every row.
func (f *Facts) each(query string, row func(*sqlite.Stmt) error) error {
	if _, err := os.Stat(f.path); os.IsNotExist(err) {
		return nil
	}
	c, err := sqlite.OpenConn(f.path, sqlite.OpenReadOnly)
	if err != nil {
		return fmt.Errorf("lab: open %s: %w", f.path, err)
	}
	defer c.Close()
	c.SetBlockOnBusy()
	if err := sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: row}); err != nil {
		return fmt.Errorf("lab: read %s: %w", f.path, err)
	}
	return nil
}

// Count is the number of events in the file.
func (f *Facts) Count() (n int64, err error) {
	err = f.each("SELECT max(rowid) FROM pb_events", func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	})
	return n, err
}

// Messages calls each with the message id, the provider's word and the number of
// rows that have them.
func (f *Facts) Messages(each func(message, word string, rows int)) error {
	return f.each("SELECT message_id, provider_status, count(*) FROM pb_events GROUP BY 1, 2", func(s *sqlite.Stmt) error {
		each(s.ColumnText(0), s.ColumnText(1), s.ColumnInt(2))
		return nil
	})
}

// Wait waits until the file holds at least n events.
func (f *Facts) Wait(ctx context.Context, n int64) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		got, err := f.Count()
		if err == nil && got >= n {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("lab: %d of %d events arrived: %w", got, n, ctx.Err())
		}
	}
}

// Integrity runs SQLite's own check of the file.
func (f *Facts) Integrity() error {
	var found []string
	err := f.each("PRAGMA integrity_check", func(s *sqlite.Stmt) error {
		found = append(found, s.ColumnText(0))
		return nil
	})
	if err == nil && (len(found) != 1 || found[0] != "ok") {
		err = fmt.Errorf("lab: %s is damaged: %q", f.path, found)
	}
	return err
}

// Number is the result of a query for one number.
func (f *Facts) Number(query string) (n int64, err error) {
	err = f.each(query, func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	})
	return n, err
}
