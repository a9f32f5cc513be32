package sqlite

import (
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
)

// types maps the kinds of columns to SQLite's strict types. A payload is ANY:
// text where it is text, so that SQL's JSON functions read it, and a BLOB where
// it is not, so that it stays the provider's bytes.
var types = map[table.Kind]string{
	table.ID: "BLOB", table.Time: "INTEGER", table.Int: "INTEGER", table.Flag: "INTEGER", table.Text: "TEXT",
	table.JSON: "TEXT", table.Payload: "ANY", table.Binary: "BLOB",
}

// createTable renders t. STRICT refuses a value of another type instead of
// storing it under the wrong one.
func createTable(t table.Table) string {
	var lines []string
	if t.Primary != "" {
		lines = append(lines, "  "+t.Primary+" INTEGER PRIMARY KEY")
	}
	for _, c := range t.Columns {
		line := "  " + c.Name + " " + types[c.Kind]
		if c.Required {
			line += " NOT NULL"
		}
		lines = append(lines, line)
	}
	for _, key := range t.Unique {
		lines = append(lines, "  UNIQUE ("+strings.Join(key, ", ")+")")
	}
	return fmt.Sprintf("CREATE TABLE %s (\n%s\n) STRICT", t.Name, strings.Join(lines, ",\n"))
}

// insertInto renders an insert of every column of t, and the columns in order.
func insertInto(t table.Table, conflict string) (string, []string) {
	var names []string
	if t.Primary != "" {
		names = append(names, t.Primary)
	}
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)%s", t.Name, strings.Join(names, ", "), marks, conflict), names
}

// migration is one version of the tables. Each runs in a transaction of its
// own, with the row of pb_schema that records it.
type migration struct {
	version    int64
	statements []string
}

// migrations lists the versions in order. Add to the end; never change one that
// was released.
func migrations() []migration {
	return []migration{{version: 1, statements: append([]string{
		createTable(table.Schema()),
		createTable(table.Loads()),
		createTable(table.States()),
		createTable(table.Events()),
		// Files made before this index was chosen have a UNIQUE key over all of
		// table.MessageKey instead, which serves as well and is not made anew: the
		// tables are the same.
		messageIndex,
		// Rows of one message, and rows of a time. Both keys grow with the rows, so
		// that their pages are written together; an index on message_id, whose
		// values are random, costs as much as the rest of the insert.
		"CREATE INDEX pb_events_message ON pb_events (" + table.EventMessage + ") WHERE " + table.EventMessage + " IS NOT NULL",
		"CREATE INDEX pb_events_time ON pb_events (event_timestamp)",
	}, views()...)}}
}

var messageIndex = fmt.Sprintf("CREATE INDEX pb_message_state_message ON %s (%s)", table.StateName, strings.Join(table.MessageLookup(), ", "))

// utc renders a column of microseconds as text. Arithmetic is on integers: a
// double has no microseconds left at today's dates.
func utc(column string) string {
	fraction := "((" + column + " % 1000000 + 1000000) % 1000000)"
	return "strftime('%Y-%m-%dT%H:%M:%S', (" + column + " - " + fraction + ") / 1000000, 'unixepoch') || printf('.%06dZ', " + fraction + ")"
}

// viewColumns renders columns for people: times as text, ids as hexadecimal.
func viewColumns(alias string, cols []table.Column) []string {
	var out []string
	for _, c := range cols {
		if strings.HasPrefix(c.Name, "_pb_") && c.Kind != table.JSON {
			continue
		}
		name := alias + "." + c.Name
		switch c.Kind {
		case table.Time:
			out = append(out, utc(name)+" AS "+c.Name)
		case table.ID:
			out = append(out, "lower(hex("+name+")) AS "+c.Name)
		default:
			out = append(out, name)
		}
	}
	return out
}

func views() []string {
	list := func(cols []string) string { return strings.Join(cols, ",\n  ") }
	events := append(viewColumns("e", table.Events().Columns),
		"e.source || '/' || e.raw_offset || '/' || e.raw_index AS raw_ref", "l.batch_id", utc("l.loaded_at")+" AS loaded_at")
	states := append(viewColumns("m", table.States().Columns),
		"e.provider_status", "e.status_code", "e.error_reason")
	journey := append([]string{"m.message_id", "m.recipient"}, viewColumns("e", []table.Column{
		{Name: "event_timestamp", Kind: table.Time}, {Name: "event_type", Kind: table.Text},
		{Name: "provider_status", Kind: table.Text}, {Name: "status_code", Kind: table.Text},
		{Name: "error_reason", Kind: table.Text}, {Name: "source", Kind: table.Text}, {Name: "event_id", Kind: table.ID},
	})...)
	return []string{
		"CREATE VIEW v_events AS SELECT\n  " + list(events) +
			"\nFROM pb_events e LEFT JOIN pb_load_log l ON l.load_no = e." + table.EventLoad,
		"CREATE VIEW v_messages AS SELECT\n  " + list(states) +
			"\nFROM pb_message_state m LEFT JOIN pb_events e ON e.event_id = m.status_event",
		// The way from a message's id to its events; pb_events has no index on it.
		"CREATE VIEW v_journey AS SELECT\n  " + list(journey) +
			"\nFROM pb_message_state m JOIN pb_events e ON e." + table.EventMessage + " = m." + table.StateMessage,
	}
}
