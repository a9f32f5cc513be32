package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/plan"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What is the same in the next generation is the same object, process and
// connection; what is new works, what is gone does not.
func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	r.accept(ctx, t, "numbers.a", "t1", 0, 5)
	before := r.graph.Load()
	pid := before.sources["numbers.a"].proc.Status().PID
	grown := one + `
source "numbers" "b" { token = "t2" }
sink "lines" "y" { path = "y.txt" }
pipeline "more" {
  from = [source.numbers.b]
  to   = [sink.lines.y]
}
`
	if got := r.post(ctx, t, "numbers.b", "t2", "0"); got != http.StatusNotFound {
		t.Errorf("a source that is not there yet: got %d, want 404", got)
	}
	out := r.change(ctx, t, grown)
	if out.Plan.Summary.Added != 3 || out.Generation != 2 {
		t.Errorf("got %+v, generation %d, want 3 added, generation 2", out.Plan.Summary, out.Generation)
	}
	after := r.graph.Load()
	a, b := before.pipes["main"], after.pipes["main"]
	if a.lanes["numbers.a"] != b.lanes["numbers.a"] || a.dispatchers["lines.x"] != b.dispatchers["lines.x"] ||
		a.stages[0].task != b.stages[0].task || before.sinks["lines.x"] != after.sinks["lines.x"] {
		t.Error("a part that did not change was replaced")
	}
	if got := after.sources["numbers.a"].proc.Status().PID; got != pid || pid == "" {
		t.Errorf("process of the source: got %s, want %s", got, pid)
	}
	r.accept(ctx, t, "numbers.b", "t2", 0, 5)
	r.accept(ctx, t, "numbers.a", "t1", 5, 10)
	r.has(ctx, t, "x.txt", 10)
	r.has(ctx, t, "y.txt", 5)

	// A stage changes: the lane is another, what remembers goes on.
	r.change(ctx, t, strings.Replace(grown, `to = [sink.lines.x]`, "filter { when = event.message_id != \"11\" }\n  to = [sink.lines.x]", 1))
	c := r.graph.Load().pipes["main"]
	if c.lanes["numbers.a"] == b.lanes["numbers.a"] || c.dispatchers["lines.x"] != b.dispatchers["lines.x"] || c.stages[0].task != b.stages[0].task {
		t.Error("want another lane, the same dispatcher and the same dedup stage")
	}
	r.accept(ctx, t, "numbers.a", "t1", 5, 12) // 5 to 9 are duplicates, 11 is filtered
	r.has(ctx, t, "x.txt", 11)

	r.change(ctx, t, one)
	if got := r.post(ctx, t, "numbers.b", "t2", "9"); got != http.StatusNotFound {
		t.Errorf("a source that left: got %d, want 404", got)
	}
	if st := r.Status(); len(st.Config.Queues) != 0 || st.Config.Generation != 4 || len(st.Sources) != 1 {
		t.Errorf("status: got %+v", st.Config)
	}
	if r.dials != 1 {
		t.Errorf("connections: got %d, want one for all of it", r.dials)
	}
	r.balanced(t)
}

// A mistake changes nothing and is told with its place; so is what a plugin
// refuses, and a plugin that does not start (I15).
func TestReloadKeepsTheLastGoodConfiguration(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	before := r.graph.Load()
	for _, tc := range []struct {
		name, old, new string
		want           error
		text           string
	}{
		{"mistake", "sink.lines.x", "sink.lines.z", admin.ErrInvalid, "main.hcl line 12"},
		{"refused token", `"t1"`, `"refused"`, admin.ErrInvalid, "the token is not one of ours"},
		{"refused path", "x.txt", "x.exe", admin.ErrInvalid, "that is a program"},
		{"mapping", "dedup {", "normalize { mapping = \"main.hcl\" }\n  dedup {", admin.ErrNotApplied, "mapping of numbers"},
	} {
		r.write(t, strings.Replace(one, tc.old, tc.new, 1))
		out, err := r.Reload(ctx)
		if !errors.Is(err, tc.want) {
			t.Fatalf("%s: got %v, want %v", tc.name, err, tc.want)
		}
		if all := out.Text + err.Error(); !strings.Contains(all, tc.text) {
			t.Errorf("%s: got\n%s\nwant it to say %q", tc.name, all, tc.text)
		}
		if r.graph.Load() != before {
			t.Errorf("%s: another generation is at work", tc.name)
		}
		if st := r.Status().Config; st.LastError == "" || st.Generation != 1 {
			t.Errorf("%s: status: got %+v, want the error", tc.name, st)
		}
	}
	r.accept(ctx, t, "numbers.a", "t1", 0, 3)
	r.has(ctx, t, "x.txt", 3)
	r.change(ctx, t, one)
	if st := r.Status().Config; st.LastError != "" || st.Failures != 4 {
		t.Errorf("status after a good one: got %+v, want no error and 4 failures", st)
	}
}

// A source receives with its old authentication until the new plugin works, and
// with the new one from then on.
func TestReloadSource(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	pid := r.graph.Load().sources["numbers.a"].proc.Status().PID
	r.write(t, strings.Replace(one, `"t1"`, `"t2"`, 1))
	p, err := r.Plan(ctx)
	if err != nil || p.Plan == nil || p.Plan.Empty() {
		t.Fatalf("plan: got %+v, %v", p, err)
	}
	r.accept(ctx, t, "numbers.a", "t1", 0, 1)
	if _, err := r.Apply(ctx, "0123456789", nil); !errors.Is(err, admin.ErrStale) {
		t.Errorf("another plan's id: got %v, want %v", err, admin.ErrStale)
	}
	if _, err := r.Apply(ctx, p.Plan.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := r.post(ctx, t, "numbers.a", "t1", "1"); got != http.StatusUnauthorized {
		t.Errorf("the old token: got %d, want 401", got)
	}
	r.accept(ctx, t, "numbers.a", "t2", 1, 3)
	r.has(ctx, t, "x.txt", 3)
	if got := r.graph.Load().sources["numbers.a"].proc.Status().PID; got == pid {
		t.Errorf("process: got %s, want another", got)
	}
	if _, err := r.Apply(ctx, p.Plan.ID, nil); !errors.Is(err, admin.ErrStale) {
		t.Errorf("the same plan again: got %v, want %v", err, admin.ErrStale)
	}
}

// A sink with another configuration gets what waited for it, once.
func TestReloadSink(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	r.accept(ctx, t, "numbers.a", "t1", 0, 3)
	r.has(ctx, t, "x.txt", 3)
	r.down(t, "x.txt", true)
	r.accept(ctx, t, "numbers.a", "t1", 3, 7)
	r.until(ctx, t, "a queue of 4", func() bool {
		q, err := r.waitingList()
		return err == nil && len(q) == 1 && q[0].Reader == "sink.lines.x" && q[0].Waiting == 4
	})
	r.write(t, strings.Replace(one, "x.txt", "z.txt", 1))
	p, err := r.Plan(ctx)
	if err != nil || p.Plan == nil || !strings.Contains(p.Plan.Changes[0].Attributes[0].Note, "4 queued events are delivered with the new configuration") {
		t.Fatalf("plan: got %+v, %v", p, err)
	}
	r.change(ctx, t, strings.Replace(one, "x.txt", "z.txt", 1))
	r.has(ctx, t, "z.txt", 4)
	r.has(ctx, t, "x.txt", 3)
	r.balanced(t)
}

const withoutX = head + `
source "numbers" "a" { token = "t1" }
sink "lines" "y" { path = "y.txt" }
pipeline "main" {
  from = [source.numbers.a]
  dedup { window = "24h" }
  to = [sink.lines.y]
}
`

// A removed sink takes what waits if it can. If it cannot, its queue stays until
// it is back (I3), or becomes dead letters when somebody says so.
func TestRemovedSink(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	r.accept(ctx, t, "numbers.a", "t1", 0, 3)
	out := r.change(ctx, t, withoutX)
	if len(out.Queues) != 0 {
		t.Errorf("a sink that works: got %+v left, want nothing", out.Queues)
	}
	r.has(ctx, t, "x.txt", 3)
	r.change(ctx, t, one) // back: begins where it left
	r.down(t, "x.txt", true)
	r.accept(ctx, t, "numbers.a", "t1", 3, 8)
	r.until(ctx, t, "paused", func() bool {
		st := r.graph.Load().pipes["main"].dispatchers["lines.x"].Status()
		return st.State == dispatch.Paused && st.Backlog == 5
	})
	out = r.change(ctx, t, withoutX)
	want := []plan.Queue{{Reader: "sink.lines.x", From: "pipeline.main", Waiting: 5}}
	if len(out.Queues) != 1 || out.Queues[0] != want[0] || r.Status().Config.Queues[0] != want[0] {
		t.Fatalf("queues: got %+v and %+v, want %+v", out.Queues, r.Status().Config.Queues, want)
	}
	if err := r.trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Apply(ctx, "", []string{"sink.lines.y"}); !errors.Is(err, admin.ErrDiscard) {
		t.Errorf("giving up a queue that is read: got %v, want %v", err, admin.ErrDiscard)
	}
	r.accept(ctx, t, "numbers.a", "t1", 8, 10)
	r.has(ctx, t, "y.txt", 2)
	r.balanced(t)

	// It is back: what waited is delivered, once, and nothing of the others.
	r.down(t, "x.txt", false)
	r.change(ctx, t, one)
	r.has(ctx, t, "x.txt", 8)

	// Away again with a queue, that is given up.
	r.down(t, "x.txt", true)
	r.accept(ctx, t, "numbers.a", "t1", 10, 14)
	r.until(ctx, t, "paused", func() bool {
		st := r.graph.Load().pipes["main"].dispatchers["lines.x"].Status()
		return st.State == dispatch.Paused && st.Backlog == 4
	})
	r.change(ctx, t, withoutX)
	out = r.change(ctx, t, withoutX, "sink.lines.x")
	if len(out.Queues) != 0 || len(out.Notes) != 1 {
		t.Errorf("given up: got %+v, want no queue and a note", out)
	}
	dead := 0
	if err := r.journal.DeadLetters(0, func(d *journal.DeadLetter) bool {
		if d.Code == codeGivenUp && d.State == journal.DeadOpen && d.Sink == "lines.x" {
			dead++
		}
		return true
	}); err != nil || dead != 4 {
		t.Errorf("dead letters: got %d, %v, want 4", dead, err)
	}
	r.balanced(t)
}

// A pipeline that leaves processes what is stored; what its plugin cannot take
// is kept, and can be given up.
func TestRemovedPipeline(t *testing.T) {
	ctx := testContext(t)
	two := one + `
pipeline "second" {
  from = [source.numbers.a]
  to   = [sink.lines.y]
}
sink "lines" "y" { path = "y.txt" }
`
	r := startRig(ctx, t, two)
	r.accept(ctx, t, "numbers.a", "t1", 0, 20)
	out := r.change(ctx, t, one)
	if len(out.Queues) != 0 {
		t.Errorf("queues: got %+v, want none", out.Queues)
	}
	r.has(ctx, t, "y.txt", 20)
	r.accept(ctx, t, "numbers.a", "t1", 20, 25)
	r.has(ctx, t, "x.txt", 25)
	if q := r.Status().Config.Queues; len(q) != 0 {
		t.Errorf("what came later: got %+v, want nothing that waits", q)
	}
	if err := r.trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	raw := r.graph.Load().sources["numbers.a"].raw
	if first, err := raw.First(); err != nil || first != 25 {
		t.Errorf("first request kept: got %d, %v, want 25: a pipeline that left holds nothing", first, err)
	}
	// It comes back and goes on with what is still there.
	r.accept(ctx, t, "numbers.a", "t1", 25, 27)
	r.change(ctx, t, two)
	r.has(ctx, t, "y.txt", 22)
	r.balanced(t)
	a, err := inspect.TakeAccount(r.journal)
	if i := slices.IndexFunc(a.Lanes, func(l inspect.LaneAccount) bool { return l.Pipeline == "second" }); err != nil || a.Lanes[i].Missed != 5 {
		t.Errorf("account: got %+v, %v, want 5 missed by the second pipeline", a.Lanes, err)
	}
}

// Requests that a removed source's plugin could not take stay until the source
// is back, or become dead letters that can be retried once it is (I3).
func TestRemovedSource(t *testing.T) {
	ctx := testContext(t)
	two := one + "source \"numbers\" \"b\" { token = \"t2\" }\n"
	two = strings.Replace(two, "[source.numbers.a]", "[source.numbers.a, source.numbers.b]", 1)
	r := startRig(ctx, t, two)
	r.accept(ctx, t, "numbers.b", "t2", 0, 2)
	r.has(ctx, t, "x.txt", 2)
	stuck := filepath.Join(r.dir, "stuck")
	if err := os.WriteFile(stuck, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.accept(ctx, t, "numbers.b", "t2", 2, 7)
	r.until(ctx, t, "a held lane", func() bool { return r.graph.Load().pipes["main"].lanes["numbers.b"].Held() })
	out := r.change(ctx, t, one)
	want := plan.Queue{Reader: "pipeline.main", From: "source.numbers.b", Waiting: 5}
	if len(out.Queues) != 1 || out.Queues[0] != want {
		t.Fatalf("queues: got %+v, want %+v", out.Queues, want)
	}
	if err := r.trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := r.Status().Config.Queues; len(got) != 1 || got[0] != want {
		t.Errorf("after trimming: got %+v, want %+v", got, want)
	}
	out = r.change(ctx, t, one, "pipeline.main")
	if len(out.Queues) != 0 || len(out.Notes) != 1 {
		t.Errorf("given up: got %+v, want no queue and a note", out)
	}
	r.balanced(t)
	if err := os.Remove(stuck); err != nil {
		t.Fatal(err)
	}
	r.change(ctx, t, two)
	var ids []uint64
	if err := r.journal.DeadLetters(0, func(d *journal.DeadLetter) bool {
		if d.Code == codeGivenUp {
			ids = append(ids, d.ID)
		}
		return true
	}); err != nil || len(ids) != 5 {
		t.Fatalf("dead letters: got %d, %v, want 5", len(ids), err)
	}
	for _, id := range ids {
		if err := r.RetryDeadLetter(ctx, id); err != nil {
			t.Errorf("retry %d: %v", id, err)
		}
	}
	r.has(ctx, t, "x.txt", 7)
	r.balanced(t)
}

// A part that cannot be made rolls the whole change back, and says so.
func TestRollBack(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	r.accept(ctx, t, "numbers.a", "t1", 0, 3)
	tx := r.journal.Begin()
	tx.SetCursor(dispatch.CursorName("main", "lines.y"), journal.Cursor{Extra: []byte{99}}) // nothing ever wrote that
	if err := tx.Commit(journal.Durable); err != nil {
		t.Fatal(err)
	}
	r.write(t, withoutX)
	if _, err := r.Reload(ctx); !errors.Is(err, admin.ErrNotApplied) {
		t.Fatalf("got %v, want %v", err, admin.ErrNotApplied)
	}
	r.accept(ctx, t, "numbers.a", "t1", 3, 6)
	r.has(ctx, t, "x.txt", 6)
	if g := r.Status().Config.Generation; g != 1 {
		t.Errorf("generation: got %d, want 1", g)
	}
	if g := r.graph.Load(); g.sinks["lines.y"] != nil || g.pipes["main"].dispatchers["lines.x"] == nil {
		t.Error("the old generation is not at work")
	}
}

// What cannot change while patchbay runs is said to need a restart, until the
// files say again what runs.
func TestNeedsRestart(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	moved := strings.Replace(one, "receiver { listen = \"127.0.0.1:0\" }", "receiver {\n  listen = \"127.0.0.1:1\"\n  public_url = \"https://x.example\"\n}", 1)
	r.change(ctx, t, moved)
	if got := r.Status().Config.NeedsRestart; len(got) != 1 || got[0] != "receiver.listen" {
		t.Errorf("needs a restart: got %v, want receiver.listen", got)
	}
	r.accept(ctx, t, "numbers.a", "t1", 0, 1)
	p, err := r.Plan(ctx)
	if err != nil || p.Plan.Summary.NeedsRestart != 1 || p.Plan.Summary.InPlace != 0 {
		t.Errorf("plan: got %+v, %v, want the address alone", p.Plan, err)
	}
	r.change(ctx, t, one)
	if got := r.Status().Config.NeedsRestart; len(got) != 0 {
		t.Errorf("needs a restart: got %v, want nothing", got)
	}
}

// alternatives are configurations that a core can change between at any time.
func alternatives() []string {
	grown := strings.Replace(one, "to = [sink.lines.x]", "filter { when = event.message_id != \"none\" }\n  to = [sink.lines.x]", 1)
	return []string{
		one, grown, strings.Replace(one, "24h", "48h", 1),
		strings.Replace(one, `path = "x.txt"`, "path = \"x.txt\"\n  batch { max_events = 3 }", 1),
		strings.Replace(grown, "24h", "36h", 1),
	}
}

// No request is refused, lost or doubled while the configuration changes again
// and again under load (F29).
func TestReloadUnderLoad(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	const reloads = 100
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var sent int
	wg.Add(1)
	go func() {
		defer wg.Done()
		for ; ; sent++ {
			select {
			case <-stop:
				return
			default:
			}
			if got := r.post(ctx, t, "numbers.a", "t1", fmt.Sprint(sent)); got != http.StatusOK {
				t.Errorf("request %d: got %d, want 200", sent, got)
				return
			}
		}
	}()
	texts := alternatives()
	for i := range reloads {
		text := texts[i%len(texts)]
		if i%20 == 10 { // the sink's plugin is replaced too
			text = strings.Replace(text, `path = "x.txt"`, fmt.Sprintf("path = \"x.txt\"\n  note = \"%d\"\n", i), 1)
		}
		if out := r.change(ctx, t, text); len(out.Queues) != 0 {
			t.Errorf("reload %d: got queues %+v, want none", i, out.Queues)
		}
	}
	close(stop)
	wg.Wait()
	if sent < reloads {
		t.Errorf("requests: got %d, want at least one a reload: there was no load", sent)
	}
	r.has(ctx, t, "x.txt", sent)
	if r.dials != 1 {
		t.Errorf("connections: got %d, want one: the listener was closed", r.dials)
	}
	r.balanced(t)
}

// Reloads leave nothing behind.
func TestReloadLeaks(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	texts := alternatives()
	grown := one + `
sink "lines" "y" { path = "y.txt" }
pipeline "more" {
  from = [source.numbers.a]
  dedup { window = "1h" }
  to = [sink.lines.y]
}
`
	round := func(n int) {
		for i := range n {
			r.change(ctx, t, texts[i%len(texts)])
			if i%10 == 0 {
				r.change(ctx, t, grown)
			}
		}
		r.change(ctx, t, one)
	}
	round(2)
	settled := func() int { runtime.GC(); return runtime.NumGoroutine() }
	before := settled()
	const rounds = 48
	round(rounds)
	// Plugins may still have been starting at the first count; what each reload
	// leaves behind would add up to more.
	most := before + rounds/2
	r.until(ctx, t, fmt.Sprintf("no more than %d goroutines", most), func() bool { return settled() <= most })
}
