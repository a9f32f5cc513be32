package sqlite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

func withStep(version int64, statements ...string) func(*Sink) {
	return func(s *Sink) {
		s.migrations = append(s.migrations, migration{version: version, statements: statements})
	}
}

// I16: a newer version reads what an older one wrote; the older one then
// refuses the file and changes no byte of it.
func TestUpgradeAndDowngrade(t *testing.T) {
	t.Parallel()
	old := openRig(t)
	old.write("done", event("a", "SM1", sdk.Sent, 1))
	if err := old.client.CloseSink(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := latest()
	newer := newRig(t, withStep(last+1, "ALTER TABLE pb_load_log ADD COLUMN note TEXT"), withStep(last+2, "CREATE TABLE pb_extra (a INTEGER) STRICT"))
	newer.path = old.path
	if _, err := newer.open(); err != nil {
		t.Fatal(err)
	}
	newer.want("SELECT max(version), count(*) FROM pb_schema", fmt.Sprintf("%d|%[1]d", last+2))
	newer.want("SELECT message_id FROM pb_events", "SM1")
	if err := newer.client.CloseSink(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := fileDigest(t, old.path)
	if _, err := old.open(); class(err) != "config:newer_version" {
		t.Errorf("got %v, want config:newer_version", err)
	}
	if after := fileDigest(t, old.path); after != before {
		t.Error("the file of a newer version was changed")
	}
}

func fileDigest(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// I16: a step that does not come to its end leaves the version before it.
func TestMigrationIsAllOrNothing(t *testing.T) {
	t.Parallel()
	last := latest()
	r := newRig(t, withStep(last+1, "CREATE TABLE half (a INTEGER)", "CREATE TABLE nonsense ("))
	if _, err := r.open(); class(err) != "config:sql" {
		t.Fatalf("got %v, want config:sql", err)
	}
	r.want("SELECT max(version), (SELECT count(*) FROM sqlite_schema WHERE name = 'half') FROM pb_schema", fmt.Sprintf("%d|0", last))
	r.sink.migrations[last].statements = []string{"CREATE TABLE half (a INTEGER)"}
	if _, err := r.open(); err != nil {
		t.Fatal(err)
	}
	r.want("SELECT max(version) FROM pb_schema", fmt.Sprint(last+1))
}

// A file from before messages had an index of their own has a unique key on them
// instead: they are found by it, and it stays as it is.
func TestFileWithTheLongerKey(t *testing.T) {
	t.Parallel()
	states := table.States()
	states.Unique = [][]string{table.MessageKey()}
	old := openRig(t, func(s *Sink) {
		first := slices.DeleteFunc(slices.Clone(s.migrations[0].statements), func(q string) bool { return q == messageIndex })
		first[slices.Index(first, createTable(table.States()))] = createTable(states)
		s.migrations = []migration{{version: 1, statements: first}}
	})
	other := event("c", "SM1", sdk.Sent, 1)
	other.Account = "AC2"
	old.write("done done done", event("a", "SM1", sdk.Sent, 1), event("b", "SM2", sdk.Sent, 1), other)
	if err := old.client.CloseSink(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.path = old.path
	if _, err := r.open(); err != nil {
		t.Fatal(err)
	}
	r.write("done duplicate done", event("d", "SM1", sdk.Delivered, 2), other, event("e", "SM3", sdk.Sent, 2))
	r.want("SELECT message_no, message_id, account, events, delivery_status FROM pb_message_state ORDER BY 1",
		"1|SM1|AC1|2|delivered\n2|SM2|AC1|1|sent\n3|SM1|AC2|1|sent\n4|SM3|AC1|1|sent")
	r.want("SELECT origin FROM pragma_index_list('pb_message_state')", "u")
	if got := plan(t, r, findMessage()); !strings.Contains(got, "USING INDEX sqlite_autoindex_pb_message_state_1 (message_id=? AND recipient=? AND provider=? AND account=?)") {
		t.Errorf("how a message is found: got %s, want its key", got)
	}
}

// People find a message by its id, and the loader by id and recipient, without
// reading the table.
func TestMessagesAreFoundByIndex(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	for _, q := range []string{findMessage(), "SELECT * FROM v_messages WHERE message_id = ?"} {
		if got := plan(t, r, q); !strings.Contains(got, "USING INDEX pb_message_state_message (message_id=?") {
			t.Errorf("%s: got %s, want the index", q, got)
		}
	}
}

// plan is how SQLite goes about a query.
func plan(t *testing.T, r *rig, q string) string {
	t.Helper()
	b, err := newBinder(r.sink.db.conn, "EXPLAIN QUERY PLAN "+q)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	if err := b.each(func(row *sqlite.Stmt) { steps = append(steps, row.ColumnText(3)) }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// latest is the version of the tables that this program makes.
func latest() int64 {
	steps := migrations()
	return steps[len(steps)-1].version
}

func TestFileIsPrivateAndComplete(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Sent, 1))
	r.want("SELECT * FROM pragma_journal_mode", "wal")
	info, err := os.Stat(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("permissions: got %o, want 600", got)
	}
	if err := r.client.CloseSink(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("after Close the log is still there: %v", err)
	}
	// The one file is enough.
	copied := filepath.Join(t.TempDir(), "copy.db")
	data, err := os.ReadFile(r.path)
	if err == nil {
		err = os.WriteFile(copied, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, copied, "SELECT count(*) FROM pb_events"); got != "1" {
		t.Errorf("copy: got %s rows, want 1", got)
	}
}

// Commits must be on disk before they are reported: the position is in core's
// journal, and core does not send again what was done.
func TestCommitsAreSynced(t *testing.T) {
	t.Parallel()
	for synchronous, want := range map[string]int64{"": 2, "full": 2, "normal": 1} {
		s := New(clock)
		if err := s.Open(t.Context(), &Config{Path: filepath.Join(t.TempDir(), "events.db"), Synchronous: synchronous}); err != nil {
			t.Fatal(err)
		}
		if got, err := queryInt(s.db.conn, "PRAGMA synchronous"); err != nil || got != want {
			t.Errorf("%q: got %d %v, want %d", synchronous, got, err, want)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A reader in the middle of a query neither blocks a write nor sees it.
func TestReaderBesideWriter(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Sent, 1))
	reader, err := sqlite.OpenConn(r.path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	count := func() int64 {
		n, err := queryInt(reader, "SELECT count(*) FROM pb_events")
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if err := execute(reader, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	r.write("done", event("b", "SM1", sdk.Delivered, 1))
	if got := count(); got != 1 {
		t.Errorf("inside the reader's transaction: got %d, want 1", got)
	}
	if err := execute(reader, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 2 {
		t.Errorf("after it: got %d, want 2", got)
	}
}

// The file is read by SQLite itself, not by the driver that wrote it.
func TestIndependentReader(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("the sqlite3 shell is not installed")
	}
	r := openRig(t)
	r.write("done done", event("a", "SM1", sdk.Sent, 1), event("b", "SM1", sdk.Delivered, 2))
	out, err := exec.CommandContext(t.Context(), shell, "-readonly", r.path,
		"PRAGMA integrity_check; SELECT count(*) FROM v_events; SELECT delivery_status FROM v_messages; SELECT event_type FROM v_journey").CombinedOutput()
	if got, want := strings.TrimSpace(string(out)), "ok\n2\ndelivered\nsent\ndelivered"; err != nil || got != want {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}

// I4: two plugins on one file, with the same events, wait for each other and
// count once.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	const writers, batches, size = 3, 8, 20
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			s := New(clock)
			err := s.Open(t.Context(), &Config{Path: path, BusyTimeout: 10 * time.Second, Synchronous: "normal"})
			var busy *sdk.Failure
			for tries := 0; tries < 100 && errors.As(err, &busy) && busy.Class == sdk.Transient; tries++ {
				// SQLite does not wait where two change the journal mode; core comes again.
				err = s.Open(t.Context(), &Config{Path: path, BusyTimeout: 10 * time.Second, Synchronous: "normal"})
			}
			if err != nil {
				t.Error(err)
				return
			}
			for n := range batches {
				var in []sdk.Event
				for i := range size {
					k := n*size + i
					in = append(in, event(fmt.Sprint(k), fmt.Sprint("SM", k/4), sdk.Opened, k))
				}
				if err := s.Write(t.Context(), in, &sdk.Results{}); err != nil {
					t.Error(err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got, want := read(t, path, `SELECT (SELECT count(*) FROM pb_events), count(*), sum(events), sum(opens), max(opens),
		(SELECT sum(written) FROM pb_load_log), (SELECT sum(duplicate) FROM pb_load_log) FROM pb_message_state`),
		"160|40|160|160|4|160|320"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The write-ahead log is merged as it grows, and its file does not outgrow its
// bound.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	if err := execute(r.sink.db.conn, "PRAGMA wal_autocheckpoint = 50"); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		var in []sdk.Event
		for i := range 50 {
			in = append(in, event(fmt.Sprint(n, "/", i), fmt.Sprint("SM", n, i), sdk.Sent, n))
		}
		r.write(strings.TrimSuffix(strings.Repeat("done ", len(in)), " "), in...)
	}
	if got := r.sink.db.logSize(); got == 0 || got > 4<<20 {
		t.Errorf("log: got %d bytes, want some, at most 4 MiB at 50 pages a checkpoint", got)
	}
}
