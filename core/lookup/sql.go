package lookup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// idleConnection is how long a connection that nobody uses is kept.
const idleConnection = 5 * time.Minute

// database asks a database, one question a read-only transaction.
type database struct {
	db      *sql.DB
	query   string
	names   []string
	columns map[string]int
}

func openSQL(c *config.Lookup) (*database, error) {
	d := &database{query: c.SQL.Query, names: c.Columns, columns: columns(c.Columns)}
	switch c.SQL.Driver {
	case config.Postgres:
		pc, err := pgx.ParseConfig(c.SQL.DSN)
		if err != nil {
			return nil, errors.New("the dsn can't be understood: write postgres://user:password@host/database")
		}
		d.db = stdlib.OpenDB(*pc)
	case config.SQLite:
		var err error
		// The file is opened for reading alone, and statements that write are
		// refused besides.
		source := url.URL{Scheme: "file", OmitHost: true, Path: c.File, RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(1000)"}
		if d.db, err = sql.Open("sqlite", source.String()); err != nil {
			return nil, err
		}
		d.query = numbered(d.query)
	default:
		return nil, fmt.Errorf("driver %q is unknown", c.SQL.Driver)
	}
	d.db.SetMaxOpenConns(c.Remote.MaxConnections)
	d.db.SetMaxIdleConns(c.Remote.MaxConnections)
	d.db.SetConnMaxIdleTime(idleConnection)
	return d, nil
}

// numbered writes $1 as ?1, as SQLite numbers parameters, outside of quotes.
func numbered(query string) string {
	var out strings.Builder
	quote := byte(0)
	for i := range len(query) {
		c := query[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '$':
			c = '?'
		}
		out.WriteByte(c)
	}
	return out.String()
}

func (d *database) close() error { return d.db.Close() }

func (d *database) fetch(ctx context.Context, key string) (*expr.Row, error) {
	if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return nil, &refusal{errors.New("the key is not text that a database takes")}
	}
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	row, err := d.read(ctx, tx, key)
	if err != nil {
		return nil, classify(err)
	}
	return row, nil
}

func (d *database) read(ctx context.Context, tx *sql.Tx, key string) (*expr.Row, error) {
	rows, err := tx.QueryContext(ctx, d.query, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	places, err := d.places(rows)
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	values := make([]any, len(places))
	into := make([]any, len(places))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	out := &expr.Row{Columns: d.columns, Values: make([]string, len(d.names))}
	size := 0
	for i, to := range places {
		if to < 0 {
			continue
		}
		if out.Values[to], err = text(values[i]); err != nil {
			return nil, &refusal{fmt.Errorf("column %q: %w", d.names[to], err)}
		}
		size += len(out.Values[to])
	}
	if size > maxAnswer {
		return nil, &refusal{fmt.Errorf("the row has more than %d bytes", maxAnswer)}
	}
	if rows.Next() {
		return nil, &refusal{errors.New("the query gives more than one row for a key")}
	}
	return out, rows.Err()
}

// places says, for each column of the result, which of ours it is, -1 for none.
func (d *database) places(rows *sql.Rows) ([]int, error) {
	given, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for _, n := range d.names {
		if !slices.Contains(given, n) {
			return nil, fmt.Errorf("the query gives no column %q: it gives %s", n, strings.Join(given, ", "))
		}
	}
	out := make([]int, len(given))
	for i, n := range given {
		out[i] = slices.Index(d.names, n)
	}
	return out, nil
}

// classify tells what is about the key from what is about the database.
func classify(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	// Only the code: the message quotes the value (I14). Class 22 is "data
	// exception": the key is no number, no date, too long.
	if strings.HasPrefix(pg.Code, "22") {
		return &refusal{fmt.Errorf("the database does not take the key (SQLSTATE %s)", pg.Code)}
	}
	return fmt.Errorf("the database says: %s (SQLSTATE %s)", pg.Message, pg.Code)
}

// text is a value as text; null is empty, which counts as missing.
func text(v any) (string, error) {
	var s string
	switch v := v.(type) {
	case nil:
	case string:
		s = v
	case []byte:
		s = string(v)
	case int64:
		s = strconv.FormatInt(v, 10)
	case float64:
		s = strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		s = strconv.FormatBool(v)
	case time.Time:
		s = v.UTC().Format(time.RFC3339Nano)
	default:
		return "", fmt.Errorf("a value of type %T has no text", v)
	}
	if !utf8.ValidString(s) {
		return "", errors.New("it is not UTF-8")
	}
	return s, nil
}
