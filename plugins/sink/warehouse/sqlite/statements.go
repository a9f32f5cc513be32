package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

// statements are prepared once and live as long as the connection. Beside them
// stands how their parameters are filled, in the columns' order.
type statements struct {
	begin, commit, rollback *binder
	numbers                 *binder // the last load and message
	others                  *binder // changes when another connection has committed
	insertEvent             *binder
	correctEvent            *binder
	insertLoad              *binder
	findMessage             *binder
	insertMessage           *binder
	updateMessage           *binder
	factsOfMessage          *binder
	all                     []*binder

	facts    []table.Fact // insertEvent's parameters, with what the loader adds at load, message and payload
	load     int
	message  int
	payload  int
	verdicts []table.Verdict
}

func newStatements(conn *sqlite.Conn) (*statements, error) {
	s := &statements{facts: table.Facts(), verdicts: table.Verdicts()}
	insertEvent, columns := insertInto(table.Events(), " ON CONFLICT (event_id) DO NOTHING")
	s.load = slices.Index(columns, table.EventLoad)
	s.message = slices.Index(columns, table.EventMessage)
	s.payload = slices.Index(columns, "source_payload")
	insertLoad, _ := insertInto(table.Loads(), "")
	insertMessage, _ := insertInto(table.States(), "")
	for _, p := range []struct {
		into  **binder
		query string
	}{
		// The write lock is taken at the start: a transaction that reads first and
		// writes later can be refused in the middle.
		{&s.begin, "BEGIN IMMEDIATE"}, {&s.commit, "COMMIT"}, {&s.rollback, "ROLLBACK"},
		{&s.numbers, "SELECT ifnull((SELECT max(load_no) FROM pb_load_log), 0), ifnull((SELECT max(message_no) FROM pb_message_state), 0)"},
		{&s.others, "PRAGMA data_version"},
		{&s.insertEvent, insertEvent},
		{&s.correctEvent, correctEvent()},
		{&s.insertLoad, insertLoad},
		{&s.findMessage, findMessage()},
		{&s.insertMessage, insertMessage},
		{&s.updateMessage, updateMessage(s.verdicts)},
		{&s.factsOfMessage, factsOfMessage()},
	} {
		b, err := newBinder(conn, p.query)
		if err != nil {
			return nil, fmt.Errorf("prepare: %w", err)
		}
		*p.into = b
		s.all = append(s.all, b)
	}
	return s, nil
}

// forget makes the statements independent of the batch that was written.
func (s *statements) forget() {
	for _, b := range s.all {
		b.forget()
	}
}

// correctEvent gives an unmapped row what a mapping has found since; every other
// row stays as it was written.
func correctEvent() string {
	var set []string
	for _, c := range append(table.Mapped(), table.EventLoad) {
		set = append(set, c+" = ?")
	}
	return fmt.Sprintf("UPDATE pb_events SET %s WHERE event_id = ? AND event_type = '%s' RETURNING %s",
		strings.Join(set, ", "), sdk.Unmapped, table.EventMessage)
}

func findMessage() string {
	return fmt.Sprintf("SELECT %s, %s FROM pb_message_state WHERE %s = ?",
		table.StateMessage, table.StateFold, strings.Join(table.MessageKey(), " = ? AND "))
}

func updateMessage(verdicts []table.Verdict) string {
	var set []string
	for i, c := range table.MessageIdentity() {
		// The greatest value stands, whatever the order of arrival.
		set = append(set, fmt.Sprintf("%[1]s = CASE WHEN ?%[2]d IS NULL OR %[1]s >= ?%[2]d THEN %[1]s ELSE ?%[2]d END", c, i+1))
	}
	for _, v := range verdicts {
		set = append(set, v.Name+" = ?")
	}
	return fmt.Sprintf("UPDATE pb_message_state SET %s, %s = ? WHERE %s = ?",
		strings.Join(set, ", "), table.StateFold, table.StateMessage)
}

// factsOfMessage reads what the fold needs of every event of a message.
func factsOfMessage() string {
	return fmt.Sprintf(`SELECT event_id, event_timestamp, received_at, event_type, delivery_status, channel, direction,
  attributes ->> '$.%s', attributes ->> '$.%s', attributes ->> '$.%s' FROM pb_events WHERE %s = ?`,
		sdk.AttrBounceClass, sdk.AttrMachine, sdk.AttrClockSuspect, table.EventMessage)
}
