package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

// microsADay is a day of event_timestamp, which knows no leap seconds.
const microsADay = 24 * 60 * 60 * 1_000_000

// countEvents counts what the key of pb_events keeps distinct. The day of a time
// before 1970 begins before it too, so the remainder is made positive.
var countEvents = fmt.Sprintf(`SELECT source, event_timestamp - (event_timestamp %% %[1]d + %[1]d) %% %[1]d, event_type, count(*)
FROM %[2]s WHERE event_timestamp >= ? AND event_timestamp < ? GROUP BY 1, 2, 3`, microsADay, table.EventsName)

// Count implements sdk.Counter.
func (s *Sink) Count(ctx context.Context, w sdk.Window) ([]sdk.Count, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	conn := s.db.conn
	conn.SetInterrupt(ctx.Done())
	defer conn.SetInterrupt(nil)
	b, err := newBinder(conn, countEvents)
	if err != nil {
		return nil, failure("count", err)
	}
	b.int(0, w.Start.UnixMicro())
	b.int(1, w.End.UnixMicro())
	var counts []sdk.Count
	var unknown error
	err = b.each(func(row *sqlite.Stmt) {
		typ, err := sdk.ParseEventType(row.ColumnText(2))
		if err != nil {
			unknown = err
		}
		counts = append(counts, sdk.Count{
			Source: row.ColumnText(0), Day: time.UnixMicro(row.ColumnInt64(1)).UTC(), Type: typ, Events: row.ColumnInt64(3),
		})
	})
	if err != nil {
		return nil, failure("count", err)
	}
	if unknown != nil {
		return nil, &sdk.Failure{Class: sdk.Misconfigured, Code: "sql", Err: fmt.Errorf("sqlite: count: %s: %w", table.EventsName, unknown)}
	}
	return counts, nil
}
