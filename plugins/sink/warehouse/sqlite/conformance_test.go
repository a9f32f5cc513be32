package sqlite

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// I4, through the contract's own suite. It looks for goroutines left behind, so
// it is not parallel.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	arguments := func(path string) []byte {
		b, err := json.Marshal(map[string]string{"path": path, "busy_timeout": "300ms"})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sdktest.Sink(t, func() sdk.Sink[Config] { return New(time.Now) }, sdktest.Harness{
		Config:      arguments(path),
		Unreachable: arguments(filepath.Join(dir, "missing", "events.db")),
		Reset: func(context.Context) error {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
					return err
				}
			}
			return nil
		},
		// The nearest that a file comes to being down: somebody else has locked it.
		Disturb: func(_ context.Context, d sdktest.Disturbance) (func(), error) {
			if d != sdktest.Down {
				return nil, nil
			}
			conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
			if err != nil {
				return nil, err
			}
			end := func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil); err != nil {
				end()
				return nil, err
			}
			return end, nil
		},
		Read: func(context.Context) ([]sdk.ID, error) {
			conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
			if err != nil {
				return nil, err
			}
			defer conn.Close()
			b, err := newBinder(conn, "SELECT event_id FROM pb_events ORDER BY rowid")
			if err != nil {
				return nil, err
			}
			var ids []sdk.ID
			err = b.each(func(row *sqlite.Stmt) {
				var id sdk.ID
				row.ColumnBytes(0, id[:])
				ids = append(ids, id)
			})
			return ids, err
		},
	})
}
