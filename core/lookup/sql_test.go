package lookup

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/rs/zerolog"
)

func dbConfig(driver, query string, columns ...string) *config.Lookup {
	return &config.Lookup{
		Address: "sql.crm", Type: config.LookupSQL, Columns: columns, SQL: &config.LookupInDB{Driver: driver, Query: query},
		Remote: &config.Remote{TTL: time.Minute, NegativeTTL: time.Minute, MaxEntries: 10, Timeout: 5 * time.Second, MaxConnections: 2, OnError: config.OnErrorRetry},
	}
}

// sqliteFile makes a database in a folder whose name must be escaped.
func sqliteFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a ?#%41.db")
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(name))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		`create table accounts (id text, tier text, n integer, f real, b blob, at timestamp)`,
		`insert into accounts values ('+44', 'gold', 7, 1.5, x'4f736c6f', '2026-01-15 08:00:00')`,
		`insert into accounts values ('null', null, null, null, null, null)`,
		`insert into accounts values ('two', 'a', 1, 1, null, null), ('two', 'b', 2, 2, null, null)`,
		`insert into accounts values ('bytes', 'a', 1, 1, x'ff', null)`,
		`insert into accounts values ('large', replace(hex(zeroblob(600000)), '0', 'x'), 1, 1, null, null)`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func sqliteDB(t *testing.T, query string, columns ...string) *database {
	t.Helper()
	c := dbConfig(config.SQLite, query, columns...)
	c.File = sqliteFile(t)
	d, err := openSQL(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	d := sqliteDB(t, "select n, tier, f, b, at, 'a $1' as unused from accounts where id = $1 and $1 = id", "tier", "n", "f", "b", "at")
	for key, want := range map[string]string{
		"+44":    "gold,7,1.5,Oslo,2026-01-15T08:00:00Z",
		"null":   ",,,,",
		"absent": "missing",
		"two":    "refused: the query gives more than one row for a key",
		"bytes":  `refused: column "b": it is not UTF-8`,
		"large":  "refused: the row has more than 1048576 bytes",
		"'; --":  "missing",
		"\xff":   "refused: the key is not text that a database takes",
		"a\x00b": "refused: the key is not text that a database takes",
	} {
		row, err := d.fetch(context.Background(), key)
		got := "missing"
		var about *refusal
		switch {
		case errors.As(err, &about):
			got = "refused: " + err.Error()
		case err != nil:
			got = err.Error()
		case row != nil:
			got = strings.Join(row.Values, ",")
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", key, got, want)
		}
	}
}

// TestSQLiteOnlyReads: a query that writes fails and writes nothing.
func TestSQLiteOnlyReads(t *testing.T) {
	t.Parallel()
	d := sqliteDB(t, "delete from accounts where id = $1 returning tier", "tier")
	if _, err := d.fetch(context.Background(), "+44"); err == nil || !strings.Contains(err.Error(), "readonly") && !strings.Contains(err.Error(), "read-only") {
		t.Errorf("got %v, want a complaint about writing", err)
	}
	d.query = numbered("select count(*) as tier from accounts where $1 is not null")
	if row, err := d.fetch(context.Background(), "x"); err != nil || row.Values[0] != "6" {
		t.Errorf("got %v, %v, want 6 rows", row, err)
	}
}

// TestSQLOutages: what is wrong with the query or the database is no fault of a key.
func TestSQLOutages(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"select tier from nowhere where id = $1":    "no such table",
		"select n from accounts where id = $1":      `the query gives no column "tier": it gives n`,
		"select tier from accounts where id = $1 (": "syntax error",
	} {
		d := sqliteDB(t, query, "tier")
		_, err := d.fetch(context.Background(), "+44")
		var about *refusal
		if err == nil || errors.As(err, &about) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q and no refusal", query, err, want)
		}
	}
	c := dbConfig(config.SQLite, "select 1 as tier where $1 = 1", "tier")
	c.File = filepath.Join(t.TempDir(), "absent.db")
	d, err := openSQL(c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if _, err := d.fetch(context.Background(), "a"); err == nil {
		t.Error("a file that is not there: got no error")
	}
}

func TestPostgresErrors(t *testing.T) {
	t.Parallel()
	var about *refusal
	err := classify(&pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "personal"`})
	if !errors.As(err, &about) || strings.Contains(err.Error(), "personal") {
		t.Errorf("got %v, want a refusal without the key (I14)", err)
	}
	if err := classify(&pgconn.PgError{Code: "28P01", Message: "password authentication failed"}); errors.As(err, &about) || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("got %v, want an outage", err)
	}
	for _, dsn := range []string{"postgres://u:hunter2@host:x/db", "no such thing hunter2"} {
		c := dbConfig(config.Postgres, "select 1", "x")
		c.SQL.DSN = dsn
		if _, err := Open(c, Options{Log: zerolog.Nop()}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("dsn: got %v, want an error without the password (I14)", err)
		}
	}
	// Nobody listens: that is an outage, and opening is none of its business.
	c := dbConfig(config.Postgres, "select 1 as x where $1 = '1'", "x")
	c.SQL.DSN = "postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable"
	table, err := Open(c, Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	r := table.(*Remote)
	defer r.f.close()
	if _, err := r.f.fetch(context.Background(), "a"); err == nil || errors.As(err, &about) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an outage without the password", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 15, 9, 0, 0, 500, time.FixedZone("", 3600))
	for _, c := range []struct {
		in   any
		want string
	}{{nil, ""}, {"a", "a"}, {[]byte("b"), "b"}, {int64(-7), "-7"}, {1e21, "1e+21"}, {0.1, "0.1"}, {true, "true"}, {at, "2026-01-15T08:00:00.0000005Z"}} {
		if got, err := text(c.in); err != nil || got != c.want {
			t.Errorf("%v: got %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []any{"\xff", []byte{0xff}, struct{}{}} {
		if got, err := text(in); err == nil {
			t.Errorf("%v: got %q, want an error", in, got)
		}
	}
}
