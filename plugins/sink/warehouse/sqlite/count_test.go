package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// counted renders what the sink counts from one day to another.
func (r *rig) counted(from, to time.Time) string {
	r.t.Helper()
	counts, err := r.client.Count(r.t.Context(), sdk.Window{Start: from, End: to})
	if err != nil {
		r.t.Fatal(err)
	}
	var lines []string
	for _, c := range counts {
		lines = append(lines, fmt.Sprintf("%s %s %s %d", c.Source, c.Day.Format(time.DateOnly), c.Type, c.Events))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func (r *rig) wantCounted(want string) {
	r.t.Helper()
	if got := r.counted(time.Unix(-100_000, 0), noon.Add(48*time.Hour)); got != want {
		r.t.Errorf("got %q, want %q", got, want)
	}
}

// I18: an event that a later mapping corrects moves from one count to another.
func TestCountOfCorrected(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.wantCounted("")
	e := event("a", "SM1", sdk.Unmapped, 0)
	r.write("done", e)
	r.wantCounted("twilio.support 2026-03-01 unmapped 1")
	e.Type, e.DeliveryStatus = sdk.Delivered, sdk.StatusDelivered
	r.write("done", e)
	r.write("duplicate", e)
	r.wantCounted("twilio.support 2026-03-01 delivered 1")
}

// While somebody else writes, a count is of what is committed.
func TestCountBesideAWriter(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	old := event("b", "SM2", sdk.Sent, 0)
	old.Time = time.UnixMicro(-1)
	r.write("done done", event("a", "SM1", sdk.Sent, 0), old)
	conn, err := sqlite.OpenConn(r.path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range []string{"BEGIN IMMEDIATE", "DELETE FROM pb_events"} {
		if err := sqlitex.ExecuteTransient(conn, q, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.wantCounted("twilio.support 1969-12-31 sent 1, twilio.support 2026-03-01 sent 1")
}

// A word that this version does not know is not left out of a sum in silence.
func TestCountOfAWordThatNobodyKnows(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", event("a", "SM1", sdk.Sent, 0))
	conn, err := sqlite.OpenConn(r.path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteTransient(conn, "UPDATE pb_events SET event_type = 'teleported'", nil); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Count(t.Context(), sdk.Window{Start: noon, End: noon.Add(time.Hour)})
	var f *sdk.Failure
	if !errors.As(err, &f) || f.Class != sdk.Misconfigured || !strings.Contains(err.Error(), "teleported") {
		t.Errorf("got %v, want a failure that names the word", err)
	}
}

// A day of a large file is read by its time, not by reading the file.
func TestCountUsesTheIndex(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	if got := plan(t, r, countEvents); !strings.Contains(got, "USING INDEX pb_events_time (event_timestamp>? AND event_timestamp<?)") {
		t.Errorf("got %s, want the index", got)
	}
}
