package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The test program, too, is the plugin when it is started under its name.
func TestMain(m *testing.M) {
	if isAppender() {
		sdk.ServeSink(&appendSink{})
		return
	}
	goleak.VerifyTestMain(m)
}

// I1, I3, I4, I6, I7, I13 and I17 under a few kills, with real processes. Then
// the same data with one row removed, one doubled and one added: an oracle that
// was never seen to find anything proves nothing.
func TestTortureShort(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills real processes for some ten seconds")
	}
	patchbay, err := lab.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSystem(patchbay, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	const seed, kills = 7, 8
	t.Logf("seed %d", seed)
	v, m, err := torture(t.Context(), options{kills: kills, seed: seed, limit: 15 * time.Second, log: &log}, s)
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	t.Log(v.line())
	if !v.kept() {
		t.Errorf("got %q %q, want nothing", v.examples, v.findings)
	}
	if v.acknowledged < 100 || v.rows < v.acknowledged || v.kills[core] == 0 {
		t.Errorf("too little happened: %s", v.line())
	}

	spoil(t, filepath.Join(s.dir, "events.db"), m.oracle)
	k, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	var after verdict
	after.judge(k, m.oracle, m.account)
	if after.lost != 1 || after.doubled != 1 || after.strangers != 1 {
		t.Errorf("spoiled: got lost %d, doubled %d, strangers %d, want 1 each: %q", after.lost, after.doubled, after.strangers, after.examples)
	}
	// The stranger is in one sink only, the lost event in the other only, and
	// there is one row more than the ledger has.
	if got := after.unexplained(); got != 4 {
		t.Errorf("spoiled: got %d unexplained, want 4: %q", got, after.findings)
	}
}

// spoil loses one acknowledged event, doubles another and invents a third.
func spoil(t *testing.T, path string, o *oracle) {
	t.Helper()
	var known []fact
	for f, is := range o.facts {
		if is == acked {
			known = append(known, f)
		}
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var columns []string
	err = sqlitex.ExecuteTransient(c, "SELECT name FROM pragma_table_info('pb_events') WHERE name NOT IN ('event_id', 'message_id')",
		&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			columns = append(columns, s.ColumnText(0))
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Join(columns, ", ")
	again := "INSERT INTO pb_events (event_id, message_id, " + list + ") SELECT randomblob(16), %s, " + list +
		" FROM pb_events WHERE message_id = ? AND provider_status = ?"
	for i, query := range []string{
		"DELETE FROM pb_events WHERE message_id = ? AND provider_status = ?",
		strings.Replace(again, "%s", "message_id", 1),
		strings.Replace(again, "%s", "'a message that nobody sent'", 1),
	} {
		if err := sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{Args: []any{known[i].message, known[i].word}}); err != nil {
			t.Fatal(err)
		}
		if c.Changes() != 1 {
			t.Fatalf("%s: changed %d rows, want 1", query, c.Changes())
		}
	}
}

// A schedule is what its seed says, kills exactly so many processes, and leaves
// nobody out.
func TestSchedule(t *testing.T) {
	t.Parallel()
	const wanted = 200
	for seed := range uint64(50) {
		steps := schedule(seed, wanted)
		if !reflect.DeepEqual(steps, schedule(seed, wanted)) {
			t.Fatalf("seed %d gives two schedules", seed)
		}
		kills, pauses := map[string]int{}, map[string]int{}
		total, stops := 0, 0
		for i := range steps {
			s := &steps[i]
			total += s.kills()
			kills[s.target] += s.kills()
			if s.gentle {
				stops++
				if s.target != core || len(s.again) > 0 {
					t.Errorf("seed %d: step %+v", seed, *s)
				}
			}
			if s.pause > 0 {
				pauses[s.target]++
				if s.target == core || s.gentle || len(s.again) > 0 {
					t.Errorf("seed %d: step %+v", seed, *s)
				}
			}
		}
		if stops == 0 {
			t.Errorf("seed %d: the core is never stopped in order", seed)
		}
		if total != wanted {
			t.Errorf("seed %d: got %d kills, want %d", seed, total, wanted)
		}
		for _, target := range []string{core, sms, email, warehouse, appender} {
			if kills[target] == 0 || target != core && pauses[target] == 0 {
				t.Errorf("seed %d: %s is killed %d times and paused %d times", seed, target, kills[target], pauses[target])
			}
		}
	}
	if reflect.DeepEqual(schedule(1, wanted), schedule(2, wanted)) {
		t.Error("two seeds give one schedule")
	}
}

func TestVerdictLedger(t *testing.T) {
	t.Parallel()
	// 10 requests acknowledged, 2 cut off; 1 and 1 of them broken; 20 and 3 events.
	n := counts{acked: 10, unanswered: 2, brokenAcked: 1, brokenLost: 1, factsAcked: 20, factsLost: 3}
	good := func() *lab.Account {
		return &lab.Account{
			Balanced: true, Sources: []lab.SourceAccount{{Stored: 11}},
			Lanes: []lab.LaneAccount{{Staged: 18, Duplicate: 3, DeadLettered: 1}},
			Sinks: []lab.SinkAccount{{Sink: "a", Delivered: 18, Addressed: 18}, {Sink: "b", Delivered: 18, Addressed: 18}},
		}
	}
	tests := []struct {
		name   string
		change func(*lab.Account)
		want   string // what the finding begins with; empty for none
	}{
		{"adds up", func(*lab.Account) {}, ""},
		{"every cut-off request was stored", func(a *lab.Account) {
			a.Sources[0].Stored, a.Lanes[0].DeadLettered, a.Lanes[0].Duplicate = 12, 2, 5
		}, ""},
		{"a request too few", func(a *lab.Account) { a.Sources[0].Stored = 9 }, "requests stored"},
		{"a request too many", func(a *lab.Account) { a.Sources[0].Stored = 13 }, "requests stored"},
		{"a dead letter too few", func(a *lab.Account) { a.Lanes[0].DeadLettered = 0 }, "dead letters"},
		{"a dead letter too many", func(a *lab.Account) { a.Lanes[0].DeadLettered = 3 }, "dead letters"},
		{"a duplicate too few", func(a *lab.Account) { a.Lanes[0].Duplicate = 1 }, "events staged or duplicate"},
		{"a duplicate too many", func(a *lab.Account) { a.Lanes[0].Duplicate = 6 }, "events staged or duplicate"},
		{"refused", func(a *lab.Account) { a.Sources[0].Refused = 1 }, "refused requests"},
		{"filtered", func(a *lab.Account) { a.Lanes[0].Filtered = 1 }, "filtered events"},
		{"ignored", func(a *lab.Account) { a.Lanes[0].Ignored = 1 }, "ignored requests"},
		{"not delivered", func(a *lab.Account) { a.Sinks[1].Delivered = 17 }, "b, events delivered"},
		{"not addressed", func(a *lab.Account) { a.Sinks[0].Addressed = 17 }, "a, events addressed"},
		{"rejected by a sink", func(a *lab.Account) { a.Sinks[0].DeadLettered = 1 }, "a, events rejected"},
		{"out of balance", func(a *lab.Account) { a.Balanced, a.Lanes[0].Problem = false, "x" }, "the ledger says"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := good()
			tt.change(a)
			var v verdict
			v.ledger(a, n)
			switch {
			case tt.want == "" && len(v.findings) > 0:
				t.Errorf("got %q, want nothing", v.findings)
			case tt.want != "" && (len(v.findings) != 1 || !strings.HasPrefix(v.findings[0], tt.want) || v.kept()):
				t.Errorf("got %q, want one that begins with %q", v.findings, tt.want)
			}
		})
	}
}

// What the appending sink holds is held against SQLite and the ledger.
func TestVerdictAppended(t *testing.T) {
	t.Parallel()
	a, b := fact{"SM1", "sent"}, fact{"SM1", "delivered"}
	tests := []struct {
		name     string
		appended map[fact]int
		twice    int64
		want     []string // what the findings begin with
	}{
		{"once each", map[fact]int{a: 1, b: 1}, 0, nil},
		{"repeated, and the ledger says so", map[fact]int{a: 3, b: 1}, 1, nil},
		{"not repeated, though the ledger feared so", map[fact]int{a: 1, b: 1}, 2, nil},
		{"repeated, and the ledger does not know", map[fact]int{a: 2, b: 1}, 0, []string{"1 events were appended more"}},
		{"missing", map[fact]int{a: 1}, 0, []string{"in SQLite and not appended: SM1 delivered", "events appended"}},
		{"from nowhere", map[fact]int{a: 1, b: 1, {"SM2", "sent"}: 1}, 0, []string{"appended and not in SQLite: SM2", "events appended"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOracle()
			o.facts[a], o.facts[b] = acked, acked
			account := &lab.Account{Sinks: []lab.SinkAccount{
				{Sink: sqliteSink, Delivered: 2}, {Sink: appendSinkName, Delivered: 2, PossiblyTwice: tt.twice},
			}}
			var v verdict
			v.judge(&sinks{rows: map[fact]int{a: 1, b: 1}, appended: tt.appended}, o, account)
			if len(v.findings) != len(tt.want) {
				t.Fatalf("got %q, want %d like %q", v.findings, len(tt.want), tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(v.findings[i], want) {
					t.Errorf("got %q, want one that begins with %q", v.findings[i], want)
				}
			}
		})
	}
}

// A line that a kill cut off does not count, nor does it spoil the next.
func TestReadAppended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "appended.txt")
	text := "\nSM1\tsent\t.\nSM1\tdeliv\nSM1\tdelivered\t.\n\nSM1\tsent\t.\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readAppended(path)
	if want := map[fact]int{{"SM1", "sent"}: 2, {"SM1", "delivered"}: 1}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestVerdictCompare(t *testing.T) {
	t.Parallel()
	a, b, c := fact{"SM1", "sent"}, fact{"SM1", "delivered"}, fact{"SM2", "sent"}
	sent := map[fact]fate{a: acked, b: maybe}
	tests := []struct {
		name                     string
		rows                     map[fact]int
		lost, doubled, strangers int
	}{
		{"all there", map[fact]int{a: 1, b: 1}, 0, 0, 0},
		{"what was not acknowledged may be missing", map[fact]int{a: 1}, 0, 0, 0},
		{"acknowledged and missing", map[fact]int{b: 1}, 1, 0, 0},
		{"twice", map[fact]int{a: 2, b: 1}, 0, 1, 0},
		{"unacknowledged and twice", map[fact]int{a: 1, b: 2}, 0, 1, 0},
		{"never sent", map[fact]int{a: 1, c: 1}, 0, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var v verdict
			v.compare(sent, tt.rows)
			if v.lost != tt.lost || v.doubled != tt.doubled || v.strangers != tt.strangers {
				t.Errorf("got lost %d, doubled %d, strangers %d, want %d, %d, %d",
					v.lost, v.doubled, v.strangers, tt.lost, tt.doubled, tt.strangers)
			}
			if want := tt.lost+tt.doubled+tt.strangers == 0; v.kept() != want {
				t.Errorf("kept: got %v, want %v", v.kept(), want)
			}
		})
	}
}
