package sqlite

import (
	"fmt"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

func TestRecentIsBoundedAndKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var r recent
	const n = 3*recentMessages + 5
	for i := range n {
		r.put(fmt.Sprint(i), known{no: int64(i)})
	}
	if got := len(r.young) + len(r.old); got > 2*recentMessages {
		t.Errorf("got %d messages, want at most %d", got, 2*recentMessages)
	}
	for _, i := range []int{n - 1, n - recentMessages} {
		if k, ok := r.get([]byte(fmt.Sprint(i))); !ok || k.no != int64(i) {
			t.Errorf("message %d: got %v %t, want it", i, k.no, ok)
		}
	}
	if _, ok := r.get([]byte("0")); ok {
		t.Error("the oldest message is still there")
	}
	r.validFor(0)
	if len(r.young) == 0 {
		t.Error("emptied, although nobody else committed")
	}
	r.validFor(1)
	if len(r.young)+len(r.old) != 0 {
		t.Error("kept, although somebody else committed")
	}
}

// What another process commits is seen, however recent the message is.
func TestStateFollowsOtherWriters(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Opened, 1))
	other, err := sqlite.OpenConn(r.path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := execute(other, "DELETE FROM pb_message_state; "); err != nil {
		t.Fatal(err)
	}
	r.write("done", event("b", "SM1", sdk.Opened, 2))
	r.want("SELECT count(*), sum(opens) FROM pb_message_state", "1|1")
}

// A batch that fails leaves no trace in what is remembered.
func TestFailedBatchIsForgotten(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Opened, 1))
	if err := execute(r.sink.db.conn, "CREATE TEMP TRIGGER no_load BEFORE INSERT ON pb_load_log BEGIN SELECT RAISE(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.send("batch", event("b", "SM1", sdk.Opened, 2)); err == nil {
		t.Fatal("got no error")
	}
	if err := execute(r.sink.db.conn, "DROP TRIGGER no_load"); err != nil {
		t.Fatal(err)
	}
	r.write("done", event("b", "SM1", sdk.Opened, 2))
	r.want("SELECT events, opens FROM pb_message_state", "2|2")
}
