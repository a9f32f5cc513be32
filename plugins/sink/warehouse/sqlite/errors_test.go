package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

// class is what an error tells core: the failure's class and code.
func class(err error) string {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return string(f.Class) + ":" + f.Code
	}
	return fmt.Sprint(err)
}

func TestFailureClasses(t *testing.T) {
	t.Parallel()
	for code, want := range map[sqlite.ResultCode]string{
		sqlite.ResultBusy: "transient:busy", sqlite.ResultBusySnapshot: "transient:busy", sqlite.ResultLocked: "transient:locked",
		sqlite.ResultInterrupt: "transient:interrupted", sqlite.ResultNoMem: "transient:no_memory", sqlite.ResultProtocol: "transient:protocol",
		sqlite.ResultFull: "config:disk_full", sqlite.ResultIOErr: "config:io_error", sqlite.ResultIOErrFsync: "config:io_error",
		sqlite.ResultReadOnly: "config:read_only", sqlite.ResultCantOpen: "config:cannot_open", sqlite.ResultPerm: "config:permission",
		sqlite.ResultCorrupt: "config:corrupt", sqlite.ResultNotADB: "config:not_a_database", sqlite.ResultError: "config:sql",
	} {
		if got := class(failure("write", code.ToError())); got != want {
			t.Errorf("%v: got %s, want %s", code, got, want)
		}
		if _, ok := rejection(code.ToError()); ok {
			t.Errorf("%v: must not make a dead letter", code)
		}
	}
	// What is about rows is no failure of the file: core halves the batch.
	for code, want := range map[sqlite.ResultCode]string{
		sqlite.ResultConstraint: codeConstraint, sqlite.ResultTooBig: codeTooBig, sqlite.ResultMismatch: codeMismatch,
	} {
		var f *sdk.Failure
		if err := failure("write", code.ToError()); errors.As(err, &f) {
			t.Errorf("%v: got failure %v, want none", code, f)
		}
		if got, ok := rejection(code.ToError()); got != want || !ok {
			t.Errorf("%v: got %q, want %q", code, got, want)
		}
	}
}

// I3: what one row is refused for rejects that event and no other.
func TestRejectedRows(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	conn := r.sink.db.conn
	if err := execute(conn, `CREATE TRIGGER house_rule BEFORE INSERT ON pb_events WHEN new.campaign_id = 'secret'
		BEGIN SELECT RAISE(ABORT, 'campaign is not allowed here'); END`); err != nil {
		t.Fatal(err)
	}
	conn.Limit(sqlite.LimitLength, 20_000)
	good, refused, huge, far := event("a", "SM1", sdk.Sent, 1), event("b", "SM1", sdk.Delivered, 2), event("c", "SM2", sdk.Delivered, 3), event("d", "SM2", sdk.Delivered, 3)
	refused.CampaignID = "secret"
	huge.SourcePayload = bytes.Repeat([]byte("x"), 30_000)
	far.RawOffset = 1 << 63
	r.write("rejected:constraint rejected:too_big done rejected:range done", refused, huge, good, far, event("e", "SM1", sdk.Opened, 3))
	r.want("SELECT count(*) FROM pb_events", "2")
	r.want("SELECT message_id, events, delivery_status FROM pb_message_state", "SM1|2|sent")
	r.want("SELECT rows_in, written, duplicate, rejected FROM pb_load_log", "5|2|0|3")
}

// A rule that rolls the whole transaction back leaves nothing half done.
func TestTransactionLostInTheMiddle(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	if err := execute(r.sink.db.conn, `CREATE TRIGGER house_rule BEFORE INSERT ON pb_events WHEN new.campaign_id = 'secret'
		BEGIN SELECT RAISE(ROLLBACK, 'no'); END`); err != nil {
		t.Fatal(err)
	}
	refused := event("b", "SM1", sdk.Delivered, 2)
	refused.CampaignID = "secret"
	if _, err := r.send("batch", event("a", "SM1", sdk.Sent, 1), refused, event("c", "SM1", sdk.Sent, 1)); err == nil {
		t.Error("got no error, want one that makes core halve the batch")
	}
	r.want("SELECT count(*) FROM pb_events", "0")
	r.write("done", event("a", "SM1", sdk.Sent, 1))
}

func TestFailuresOfTheFile(t *testing.T) {
	t.Parallel()
	pages := func(n int) func(*testing.T, *rig) {
		return func(t *testing.T, r *rig) {
			if err := execute(r.sink.db.conn, fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	sql := func(q string) func(*testing.T, *rig) {
		return func(t *testing.T, r *rig) {
			if err := execute(r.sink.db.conn, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name       string
		spoil, fix func(*testing.T, *rig)
		want       string
	}{
		{"full", pages(1), pages(1 << 30), "config:disk_full"},
		{"read only", sql("PRAGMA query_only = ON"), sql("PRAGMA query_only = OFF"), "config:read_only"},
		{"table gone", sql("ALTER TABLE pb_events RENAME TO elsewhere"), sql("ALTER TABLE elsewhere RENAME TO pb_events"), "config:sql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := openRig(t)
			r.write("done", event("a", "SM1", sdk.Sent, 1))
			c.spoil(t, r)
			big := event("b", "SM2", sdk.Sent, 1)
			big.SourcePayload = bytes.Repeat([]byte("x"), 100_000)
			if _, err := r.send("batch", big); class(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			r.writeAfter(c.fix, big)
		})
	}
}

// writeAfter: after the cause is gone the same batch goes through.
func (r *rig) writeAfter(fix func(*testing.T, *rig), e sdk.Event) {
	r.t.Helper()
	fix(r.t, r)
	r.write("done", e)
	r.want("SELECT count(*) FROM pb_events", "2")
}

func TestBusy(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	other, err := sqlite.OpenConn(r.path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := execute(other, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.send("batch", event("a", "SM1", sdk.Sent, 1)); class(err) != "transient:busy" {
		t.Errorf("got %v, want transient:busy", err)
	}
	if err := execute(other, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	r.write("done", event("a", "SM1", sdk.Sent, 1))
}

func TestCanceledWriteHasNoEffect(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.sink.Write(ctx, []sdk.Event{event("a", "SM1", sdk.Sent, 1)}, &sdk.Results{})
	if class(err) != "transient:interrupted" {
		t.Errorf("got %v, want transient:interrupted", err)
	}
	r.want("SELECT count(*) FROM pb_events", "0")
	r.write("done", event("a", "SM1", sdk.Sent, 1))
}

// I10: damage is loud, and nothing is written over it.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	for i := range 200 {
		r.write("done", event(fmt.Sprint(i), fmt.Sprint("SM", i), sdk.Sent, i))
	}
	if err := r.client.CloseSink(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	// All pages but the first, which holds the header and the schema.
	for at := int64(3 * 4096); at < info.Size(); at += 4096 {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 512), at); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.open()
	if err == nil {
		_, err = r.send("batch", event("new", "SM1", sdk.Delivered, 1))
	}
	if class(err) != "config:corrupt" {
		t.Errorf("got %v, want config:corrupt", err)
	}
}

func TestPlacesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	write := func(name string, data string) func(*testing.T, string) string {
		return func(t *testing.T, dir string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	for _, c := range []struct {
		name  string
		place func(t *testing.T, dir string) string
		want  string // a diagnostic's text or a failure's class
	}{
		{"missing directory", func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "events.db") }, "path: directory"},
		{"directory is a file", func(t *testing.T, dir string) string { return filepath.Join(write("f", "")(t, dir), "events.db") }, "path: "},
		{"path is a directory", func(_ *testing.T, dir string) string { return dir }, "path: "},
		{"path ends as a directory", func(_ *testing.T, dir string) string { return dir + "/" }, "path: no file name"},
		{"memory", func(*testing.T, string) string { return ":memory:" }, "path: a database in memory"},
		{"empty", func(*testing.T, string) string { return "" }, "path: no file name"},
		{"another format", write("events.db", strings.Repeat("not a database ", 400)), "config:not_a_database"},
	} {
		r := newRig(t)
		r.path = c.place(t, t.TempDir())
		texts, err := r.open()
		got := strings.Join(texts, " ")
		if err != nil {
			got = class(err)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		_ = f.Close()
		t.Skip("permissions do not bind this user")
	}
	r := newRig(t)
	r.path = filepath.Join(dir, "events.db")
	if _, err := r.open(); class(err) != "config:read_only" {
		t.Errorf("got %v, want config:read_only", err)
	}
}

// A file that is moved away while it is open takes no more events with it.
func TestMovedFile(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Sent, 1))
	if err := os.Rename(r.path, r.path+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.send("batch", event("b", "SM1", sdk.Sent, 1)); class(err) != "config:moved" {
		t.Errorf("got %v, want config:moved", err)
	}
	r.write("done", event("b", "SM1", sdk.Sent, 1))
	r.want("SELECT count(*) FROM pb_events", "1")
}

func TestErrorsCarryNoContent(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.sink.db.conn.Limit(sqlite.LimitLength, 2000)
	e := event("a", "SM1", sdk.Sent, 1)
	e.SourcePayload = []byte(strings.Repeat("very-private ", 1000))
	out, err := r.send("batch", e)
	if err != nil {
		t.Fatal(err)
	}
	if reason := out[0].Reason; reason == "" || strings.Contains(reason, "private") || strings.Contains(reason, e.Recipient) {
		t.Errorf("reason %q: want one without content", reason)
	}
}
