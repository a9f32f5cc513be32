package sqlite

import (
	"unsafe"

	"zombiezen.com/go/sqlite"
)

// binder binds a statement's parameters. Binding a text copies it into SQLite's
// memory; neighbouring events share most of their words, so a parameter that
// already holds the value is left alone. Parameters count from 0.
type binder struct {
	stmt *sqlite.Stmt
	held []held
}

type held struct {
	known bool // the parameter holds text, or NULL if null is set
	null  bool
	text  string
}

func newBinder(conn *sqlite.Conn, query string) (*binder, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	return &binder{stmt: stmt, held: make([]held, stmt.BindParamCount())}, nil
}

// forget drops what is known of the parameters. The texts belong to a batch, so
// it is called when the batch ends.
func (b *binder) forget() { clear(b.held) }

func (b *binder) text(i int, s string) {
	h := &b.held[i]
	if h.known && !h.null && h.text == s {
		return
	}
	*h = held{known: true, text: s}
	b.stmt.BindText(i+1, s)
}

func (b *binder) null(i int) {
	h := &b.held[i]
	if h.known && h.null {
		return
	}
	*h = held{known: true, null: true}
	b.stmt.BindNull(i + 1)
}

// textOrNull binds NULL for an empty text: the provider did not say.
func (b *binder) textOrNull(i int, s string) {
	if s == "" {
		b.null(i)
		return
	}
	b.text(i, s)
}

func (b *binder) int(i int, v int64) {
	b.held[i].known = false
	b.stmt.BindInt64(i+1, v)
}

func (b *binder) bytes(i int, v []byte) {
	b.held[i].known = false
	b.stmt.BindBytes(i+1, v)
}

// bytesAsText binds bytes as text; empty is NULL. The bytes may be a buffer that
// is used again: they are copied here and not remembered.
func (b *binder) bytesAsText(i int, v []byte) {
	if len(v) == 0 {
		b.null(i)
		return
	}
	b.held[i].known = false
	b.stmt.BindText(i+1, unsafe.String(unsafe.SliceData(v), len(v)))
}

// run executes the statement to its end.
func (b *binder) run() error {
	if err := drain(b.stmt); err != nil {
		b.forget()
		return err
	}
	return b.stmt.Reset()
}

// each executes the statement and calls row for every row; row reads columns.
func (b *binder) each(row func(*sqlite.Stmt)) error {
	for {
		more, err := b.stmt.Step()
		if err != nil {
			b.forget()
			return err
		}
		if !more {
			return b.stmt.Reset()
		}
		row(b.stmt)
	}
}
