package config

import (
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The databases that a lookup can read.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// LookupInDB is what a lookup in a database asks, and where.
type LookupInDB struct {
	Driver string // Postgres or SQLite
	DSN    string // of Postgres; contains a secret
	Query  string // with $1 in the place of the key
}

// parameters finds the parameters in a query; a question mark is an operator in
// PostgreSQL.
func parameters(driver, query string) []string {
	pattern := `\$[0-9]+`
	if driver == SQLite {
		pattern = `[$:@][0-9A-Za-z_]+|\?[0-9]*`
	}
	return regexp.MustCompile(pattern).FindAllString(query, -1)
}

func (l *loader) lookupSQL(lk *Lookup, b *body) {
	db := &LookupInDB{}
	lk.SQL = db
	driver := b.require("driver", `Write driver = "postgres" or driver = "sqlite".`)
	if driver != nil {
		db.Driver = b.word("driver", Postgres, SQLite)
	}
	l.lookupQuery(lk, b)
	lk.Remote = l.remote(b)
	dsn, file := b.take("dsn"), b.take("file")
	switch db.Driver {
	case Postgres:
		if file != nil {
			b.report(diag.UnknownArgument, file.NameRange, "PostgreSQL has no file", `Write dsn = secret("env:NAME").`)
		}
		if dsn == nil {
			b.report(diag.MissingArgument, b.header, `missing argument "dsn"`, `Write dsn = secret("env:NAME"), with postgres://user:password@host/database in it.`)
		} else {
			s, _ := b.secret(dsn)
			db.DSN = s.text
		}
	case SQLite:
		if dsn != nil {
			l.blankLiteral(dsn.Expr)
			b.report(diag.UnknownArgument, dsn.NameRange, "SQLite has no dsn", `Write file = "NAME.db"; it lies in the configuration's directory.`)
		}
		if file == nil {
			b.report(diag.MissingArgument, b.header, `missing argument "file"`, `Write file = "NAME.db"; it lies in the configuration's directory.`)
		} else if name, rng := b.text("file", ""); !rng.Empty() {
			lk.File, _ = l.confined(b, name, rng)
		}
	}
	b.done()
}

// lookupQuery reads what is asked and what comes back.
func (l *loader) lookupQuery(lk *Lookup, b *body) {
	const usage = "Write one query that gives at most one row, with $1 in the place of the key: select tier from accounts where id = $1"
	if b.require("query", usage) != nil {
		query, rng := b.text("query", "")
		marks := parameters(lk.SQL.Driver, query)
		switch {
		case rng.Empty():
		case strings.TrimSpace(query) == "":
			b.report(diag.InvalidValue, rng, "the query is empty", usage+".")
		case len(marks) == 0:
			b.report(diag.InvalidValue, rng, "the query does not use the key", usage+".")
		default:
			for _, m := range marks {
				if m != "$1" {
					b.report(diag.InvalidValue, rng, "the query has another parameter than the key: "+quote(m), usage+".")
					break
				}
			}
			lk.SQL.Query = query
		}
	}
	a := b.require("columns", `Write which columns the query gives, for instance columns = ["tier"].`)
	if a == nil {
		return
	}
	names, _ := b.texts("columns")
	for i, name := range names {
		e := a.Expr
		if items, ok := e.(*hclsyntax.TupleConsExpr); ok {
			e = items.Exprs[i]
		}
		if b.column(name, lk.Columns, e) {
			lk.Columns = append(lk.Columns, name)
		}
	}
}
