package lookup

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/rs/zerolog"
)

// MaxBytes is the largest file that is read: a table lives in memory (I12).
const MaxBytes = 64 << 20

// CSV is a table from a CSV file with a header line. It is safe for concurrent use.
type CSV struct {
	file, key string
	reload    time.Duration
	log       zerolog.Logger
	table     atomic.Pointer[table]
}

type table struct {
	columns map[string]int
	rows    map[string]*expr.Row
	stamp   stamp
}

// stamp tells versions of a file apart.
type stamp struct {
	size int64
	mod  time.Time
}

// OpenCSV reads the file. key is the column to look up by; of several rows with
// the same key the first counts. Run looks at the file every reload.
func OpenCSV(file, key string, reload time.Duration, log zerolog.Logger) (*CSV, error) {
	c := &CSV{file: file, key: key, reload: reload, log: log}
	t, err := c.read()
	if err != nil {
		return nil, err
	}
	c.table.Store(t)
	return c, nil
}

// Find implements Table. A batch sees one version of the file.
func (c *CSV) Find(_ context.Context, keys []string, rows []*expr.Row) (failed []int, err error) {
	all := c.table.Load().rows
	for i, k := range keys {
		rows[i] = all[k]
	}
	return nil, nil
}

// Status implements Table.
func (c *CSV) Status() Status { return Status{Rows: len(c.table.Load().rows)} }

// Run implements Table: it reads the file again when it has changed.
func (c *CSV) Run(ctx context.Context) {
	t := time.NewTicker(c.reload)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			c.Refresh()
		case <-ctx.Done():
			return
		}
	}
}

// Refresh reads the file again if it has changed.
func (c *CSV) Refresh() {
	if s, err := statFile(c.file); err == nil && s == c.table.Load().stamp {
		return
	}
	t, err := c.read()
	if err != nil {
		c.log.Warn().Err(err).Str("file", c.file).Msg("lookup keeps its last good version")
		return
	}
	c.table.Store(t)
	c.log.Info().Str("file", c.file).Int("rows", len(t.rows)).Msg("lookup read again")
}

func statFile(file string) (stamp, error) {
	st, err := os.Stat(file)
	if err != nil {
		return stamp{}, err
	}
	return stamp{st.Size(), st.ModTime()}, nil
}

func (c *CSV) read() (*table, error) {
	s, err := statFile(c.file)
	if err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	if s.size > MaxBytes {
		return nil, fmt.Errorf("lookup: %s has %d bytes, more than %d", c.file, s.size, MaxBytes)
	}
	f, err := os.Open(c.file)
	if err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	defer f.Close()
	t, err := parse(io.LimitReader(f, MaxBytes), c.key)
	if err != nil {
		return nil, fmt.Errorf("lookup: %s: %w", c.file, err)
	}
	t.stamp = s
	return t, nil
}

func parse(r io.Reader, key string) (*table, error) {
	cr := csv.NewReader(r)
	head, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	t := &table{columns: make(map[string]int, len(head)), rows: map[string]*expr.Row{}}
	for i, name := range head {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if _, dup := t.columns[name]; dup {
			return nil, fmt.Errorf("two columns are called %q", name)
		}
		t.columns[name] = i
	}
	at, ok := t.columns[key]
	if !ok {
		return nil, fmt.Errorf("no column is called %q", key)
	}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if _, dup := t.rows[rec[at]]; !dup {
			t.rows[rec[at]] = &expr.Row{Columns: t.columns, Values: rec}
		}
	}
}
