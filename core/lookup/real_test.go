//go:build real

package lookup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/rs/zerolog"
)

// realDSN is where a real PostgreSQL serves; .ci/postgres starts one.
func realDSN(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("PATCHBAY_POSTGRES_DSN")
	if dsn == "" {
		t.Fatal("PATCHBAY_POSTGRES_DSN is not set: run make test-real-postgres")
	}
	return dsn
}

func realDB(t *testing.T) *sql.DB {
	t.Helper()
	c := dbConfig(config.Postgres, "", "x")
	c.SQL.DSN = realDSN(t)
	d, err := openSQL(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d.db
}

func accounts(t *testing.T, name string) {
	t.Helper()
	db := realDB(t)
	for _, q := range []string{
		"drop table if exists " + name,
		"create table " + name + " (id text, num integer, tier text, score numeric, at timestamptz, day date, doc jsonb, raw bytea, ok boolean, uid uuid, tags text[])",
		"insert into " + name + ` values ('+44', 7, 'gold', 12345678901234567890.5, '2026-01-15 09:00:00+01', '2026-01-15', '{"a": 1}', 'Oslo', true,
			'7f1d4a6e-0000-4000-8000-000000000001', '{x,y}')`,
		"insert into " + name + " (id, num) values ('null', null), ('two', 1), ('two', 2)",
		"insert into " + name + ` (id, raw) values ('bytes', '\xff')`,
	} {
		if _, err := db.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRealPostgres(t *testing.T) {
	accounts(t, "accounts")
	for _, c := range []struct{ query, columns, key, want string }{
		{"select * from accounts where id = $1", "tier num score at day doc raw ok uid", "+44",
			`gold|7|12345678901234567890.5|2026-01-15T08:00:00Z|2026-01-15T00:00:00Z|{"a": 1}|Oslo|true|7f1d4a6e-0000-4000-8000-000000000001`},
		{"select tier, num from accounts where id = $1", "tier num", "null", "|"},
		{"select tier from accounts where id = $1", "tier", "absent", "missing"},
		{"select tier from accounts where id = $1", "tier", "two", "refused: the query gives more than one row for a key"},
		{"select raw from accounts where id = $1", "raw", "bytes", `refused: column "raw": it is not UTF-8`},
		{"select tier from accounts where num = $1", "tier", "7", "gold"},
		{"select tier from accounts where num = $1", "tier", "personal", "refused: the database does not take the key (SQLSTATE 22P02)"},
		{"select tier from accounts where id = $1", "tier", "'; drop table accounts; --", "missing"},
		{"select nothing from accounts where id = $1", "tier", "+44", "outage"},
		{"select num from accounts where id = $1", "tier", "+44", "outage"},
		{"delete from accounts where id = $1 returning tier", "tier", "+44", "outage"},
	} {
		l := dbConfig(config.Postgres, c.query, strings.Fields(c.columns)...)
		l.SQL.DSN = realDSN(t)
		d, err := openSQL(l)
		if err != nil {
			t.Fatal(err)
		}
		row, err := d.fetch(context.Background(), c.key)
		got := "missing"
		var about *refusal
		switch {
		case errors.As(err, &about):
			got = "refused: " + err.Error()
		case err != nil:
			got = "outage"
		case row != nil:
			got = strings.Join(row.Values, "|")
		}
		if got != c.want {
			t.Errorf("%s with %q: got %s (%v), want %s", c.query, c.key, got, err, c.want)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}
	var n int
	if err := realDB(t).QueryRow("select count(*) from accounts").Scan(&n); err != nil || n != 5 {
		t.Errorf("rows: got %d, %v, want all 5", n, err)
	}
}

// TestRealPostgresBatch: a batch of keys from several lanes, within the bound on
// connections.
func TestRealPostgresBatch(t *testing.T) {
	accounts(t, "many")
	db := realDB(t)
	if _, err := db.Exec("insert into many (id, tier) select 'k' || i, 't' || i from generate_series(1, 500) i"); err != nil {
		t.Fatal(err)
	}
	l := dbConfig(config.Postgres, "select tier, (select count(*) from pg_stat_activity where application_name = 'pb') as busy from many where id = $1", "tier", "busy")
	u, err := url.Parse(realDSN(t))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", "pb")
	u.RawQuery = q.Encode()
	l.SQL.DSN, l.Remote.MaxEntries, l.Remote.MaxConnections = u.String(), 1000, 3
	table, err := Open(l, Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	var run sync.WaitGroup
	run.Add(1)
	go func() { defer run.Done(); table.Run(ctx) }()
	var lanes sync.WaitGroup
	for range 3 {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			keys := make([]string, 500)
			for i := range keys {
				keys[i] = fmt.Sprint("k", i+1)
			}
			rows := make([]*expr.Row, len(keys))
			if failed, err := table.Find(ctx, keys, rows); err != nil || len(failed) > 0 {
				t.Errorf("find: %d failed, %v", len(failed), err)
				return
			}
			for i, r := range rows {
				if r == nil || r.Values[0] != fmt.Sprint("t", i+1) || r.Values[1] > "3" {
					t.Errorf("row %d: got %v, want t%d over at most 3 connections", i, r, i+1)
				}
			}
		}()
	}
	lanes.Wait()
	if s := table.Status(); s.Found > 1500 || s.Found < 500 || s.Outages > 0 {
		t.Errorf("status: got %+v", s)
	}
	cancel()
	run.Wait()
}
