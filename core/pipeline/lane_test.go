package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/dedup"
	"github.com/patchbay-io/patchbay/core/yield"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

func dedupFor(window time.Duration) func(*bed) []stage.Stage {
	return func(b *bed) []stage.Stage {
		s, err := dedup.New(b.j, b.out.Number(), window, time.Now)
		if err != nil {
			b.t.Fatalf("dedup: %v", err)
		}
		return []stage.Stage{s}
	}
}

// TestVerdicts: each request ends as its events, as ignored, or as a dead letter.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("1 sent", "ping", "garbage", "2 sent\nbad\n3 sent", "", "noid hello")
	b.work(100)
	if got := b.words(); got != "sent sent sent hello" {
		t.Errorf("staged: got %q", got)
	}
	es := b.staged()
	if p := string(es[2].SourcePayload); p != "3 sent" || es[2].RawIndex != 2 || es[2].RawOffset != 3 {
		t.Errorf("event 3: payload %q at %d/%d, want \"3 sent\" at 3/2", p, es[2].RawOffset, es[2].RawIndex)
	}
	dead := b.dead()
	if len(dead) != 2 || dead[0].Code != "garbage" || string(dead[0].Body) != "garbage" || dead[0].Part ||
		string(dead[1].Body) != "bad" || !dead[1].Part || dead[1].RawIndex != 1 || dead[1].PartOffset != 7 {
		t.Errorf("dead letters: got %+v", dead)
	}
	if got := b.count(journal.Ignored); got != 2 {
		t.Errorf("ignored: got %d, want 2 (a ping and an empty body)", got)
	}
	b.balanced()
}

// TestBusy: a lane that always gives way carries everything nevertheless. It rests
// after what is new and not after what has waited, so that it catches up.
func TestBusy(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]bool{0: true, yield.Behind / 2: true, yield.Behind: false, time.Hour: false} {
		b := cleanBed(t, nil)
		b.lane.o.Busy = func() bool { return true }
		b.lane.o.MaxRequests = 1
		b.receive("1 a", "2 b", "3 c", "4 d")
		b.now = b.now.Add(age)
		rests := make(chan time.Duration, 4)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		b.lane.pause = func(_ context.Context, d time.Duration) bool {
			rests <- d
			return ctx.Err() == nil
		}
		done := make(chan error, 1)
		go func() { done <- b.lane.Run(ctx) }()
		for i := range 4 {
			select {
			case d := <-rests:
				if (d > 0) != want {
					t.Errorf("%v old: got a rest of %v after request %d, want one: %v", age, d, i, want)
				}
			case <-ctx.Done():
			}
		}
		for b.out.Tail() < 4 && ctx.Err() == nil {
			select {
			case <-b.out.Changed(b.out.Tail()):
			case <-ctx.Done():
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if got := b.words(); got != "a b c d" {
			t.Errorf("staged: got %q, want a b c d", got)
		}
	}
}

// TestEventIDs pins I8: these values are in warehouses and may never change.
func TestEventIDs(t *testing.T) {
	t.Parallel()
	want := "a=142cc1b3 b=f50acdb1 c=a15e1810 d=5877c687 e=113d5ea7"
	for _, size := range []int{1, 2, 100} {
		b := cleanBed(t, nil)
		b.now = b.now.Add(time.Duration(size) * time.Hour) // when it came plays no part
		b.receive("1 a", "noid b\nbad\nnoid c", "SM123|sent d", "noid e")
		b.work(size)
		if got := ids(b.staged()); got != want {
			t.Errorf("batches of %d: got %s, want %s", size, got, want)
		}
	}
}

// TestPlaceSurvivesRepair proves I8: once a refused part is understood, its event
// and its neighbours have the IDs that they would have had from the start.
func TestPlaceSurvivesRepair(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, dedupFor(time.Hour))
	b.receive("noid a\nbad b\nnoid c")
	b.work(10)
	before := ids(b.staged())
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		for i := range ds {
			ds[i].Body = []byte(strings.ReplaceAll(string(ds[i].Body), "bad", "noid"))
		}
		out, err := parseLines(ds)
		for _, e := range out.GetEvents() { // the body is one byte longer there
			if e.PayloadOffset > 7 {
				e.PayloadOffset--
			}
			if e.ProviderStatus == "b" {
				e.PayloadLength--
			}
		}
		return out, err
	}
	if err := b.lane.again(context.Background(), b.dead()[0].ID); err != nil {
		t.Fatalf("retry: %v", err)
	}
	es := b.staged()
	if len(es) != 3 || es[2].ProviderStatus != "b" || es[2].RawIndex != 1 || ids(es[:2]) != before {
		t.Errorf("after the repair: got %s, want %s and b at place 1", ids(es), before)
	}
	b.balanced()
}

// TestQuarantine: what was not authenticated counts only after a person says so,
// and then nothing of it is lost.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	for _, body := range []string{"1 a\nbad\n2 b", "garbage"} {
		b.store(&sdk.Delivery{ReceivedAt: b.now, Body: []byte(body)})
	}
	b.work(10)
	if got := b.words(); got != "" {
		t.Errorf("staged from quarantine: %q", got)
	}
	dead := b.dead()
	if len(dead) != 2 || dead[0].Code != CodeUnauthenticated || dead[1].Code != CodeUnauthenticated {
		t.Fatalf("dead letters: got %+v", dead)
	}
	ctx := context.Background()
	if err := b.lane.again(ctx, dead[0].ID); err != nil {
		t.Fatalf("release: %v", err)
	}
	if got := b.words(); got != "a b" {
		t.Errorf("released: got %q, want a b", got)
	}
	if dead := b.dead(); len(dead) != 3 || !dead[2].Part || string(dead[2].Body) != "bad" {
		t.Errorf("the part that cannot be understood was lost: got %+v", dead)
	}
	// Refused for another reason, then understood: still a person's leave.
	if err := b.lane.again(ctx, dead[1].ID); !errors.Is(err, ErrStillRejected) {
		t.Errorf("release of garbage: got %v, want %v", err, ErrStillRejected)
	}
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		ds[0].Body = []byte("3 c")
		return parseLines(ds)
	}
	if err := b.lane.again(ctx, dead[1].ID); err != nil || b.words() != "a b c" {
		t.Errorf("release once understood: %v, staged %q, want a b c", err, b.words())
	}
	b.balanced()
}

// TestPoisonRequest proves F21: one request that fails its plugin becomes a dead
// letter, all others their events.
func TestPoisonRequest(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 1, 17, 39} {
		b := cleanBed(t, nil)
		for i := range 40 {
			if i == at {
				b.receive("poison")
			} else {
				b.receive(fmt.Sprintf("%d w", i))
			}
		}
		b.work(40)
		dead := b.dead()
		if len(dead) != 1 || dead[0].Code != CodePluginFailed || dead[0].RawOffset != uint64(at) || len(b.staged()) != 39 {
			t.Errorf("poison at %d: %d dead letters, %d staged, want 1 and 39", at, len(dead), len(b.staged()))
		}
		for i, e := range b.staged() {
			if i > 0 && e.RawOffset <= b.staged()[i-1].RawOffset {
				t.Errorf("I5: request %d is staged after %d", e.RawOffset, b.staged()[i-1].RawOffset)
			}
		}
		b.balanced()
	}
}

// TestBrokenPluginHolds proves I3 and I13: a plugin that fails on everything
// holds its lane, and its backlog does not drain into the dead letters.
func TestBrokenPluginHolds(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("1 a", "2 b", "3 c")
	b.plugin.parse = func([]sdk.Delivery) (*wire.ParseResponse, error) {
		return nil, status.Error(codes.Unavailable, "no memory")
	}
	for range 10 {
		if err := b.one(0, 10); !errors.Is(err, errHeld) {
			t.Fatalf("got %v, want %v", err, errHeld)
		}
	}
	if dead := b.dead(); len(dead) != 0 {
		t.Errorf("dead letters: got %d, want none", len(dead))
	}
	b.plugin.parse = parseLines
	b.work(10)
	if got := b.words(); got != "a b c" {
		t.Errorf("after the repair: got %q, want a b c", got)
	}
	b.balanced()
}

// TestLonePoison: a request that nobody else can vouch against is given up only
// if the plugin was healthy before it.
func TestLonePoison(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("poison")
	for range 2 * attempts {
		if err := b.one(0, 10); !errors.Is(err, errHeld) {
			t.Fatalf("a plugin that never parsed anything: got %v, want %v", err, errHeld)
		}
	}
	b.receive("1 a")
	b.work(10)
	b.receive("poison")
	b.work(10)
	if dead := b.dead(); len(dead) != 2 || b.words() != "a" {
		t.Errorf("got %d dead letters, staged %q, want 2 and a", len(dead), b.words())
	}
	b.receive("poison")
	if err := b.one(3, 10); !errors.Is(err, errHeld) {
		t.Errorf("the next lone one: got %v, want %v", err, errHeld)
	}
	b.balanced()
}

// TestLiar proves I13 (F15): an answer that cannot be one ends the plugin's
// instance; nothing of it is believed.
func TestLiar(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(*wire.ParseResponse){
		"fewer answered": func(r *wire.ParseResponse) { r.Deliveries-- },
		"more answered":  func(r *wire.ParseResponse) { r.Deliveries++ },
		"event of a request that was not asked": func(r *wire.ParseResponse) {
			r.Events = append(r.Events, &wire.Event{Delivery: 99, ProviderId: "x"})
		},
		"events out of order": func(r *wire.ParseResponse) {
			r.Events[0], r.Events[1] = r.Events[1], r.Events[0]
		},
		"verdict on a request that was not asked": func(r *wire.ParseResponse) {
			r.Verdicts = append(r.Verdicts, &wire.Verdict{Delivery: 99})
		},
		"event and refusal": func(r *wire.ParseResponse) {
			r.Verdicts = append(r.Verdicts, &wire.Verdict{Delivery: 0, Code: "x"})
		},
		"two refusals": func(r *wire.ParseResponse) {
			r.Events = r.Events[1:]
			r.Verdicts = append(r.Verdicts, &wire.Verdict{Delivery: 0}, &wire.Verdict{Delivery: 0})
		},
		"payload outside":         func(r *wire.ParseResponse) { r.Events[0].PayloadLength = 1000 },
		"payload overflows":       func(r *wire.ParseResponse) { r.Events[0].PayloadOffset = 1<<64 - 1 },
		"type that is none":       func(r *wire.ParseResponse) { r.Events[0].EventType = 200 },
		"channel that is none":    func(r *wire.ParseResponse) { r.Events[0].Channel = 99 },
		"direction that is none":  func(r *wire.ParseResponse) { r.Events[0].Direction = 99 },
		"payload offset past end": func(r *wire.ParseResponse) { r.Events[0].PayloadOffset, r.Events[0].PayloadLength = 4, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := cleanBed(t, nil)
			b.receive("1 a", "2 b")
			b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
				out, err := parseLines(ds)
				if len(ds) == 2 {
					lie(out)
				}
				return out, err
			}
			b.work(10)
			if b.plugin.faulted() == 0 {
				t.Error("I13: the plugin went on after a lie")
			}
			if got := b.words(); got != "a b" {
				t.Errorf("staged: got %q, want a b from the honest halves", got)
			}
			b.balanced()
		})
	}
}

// TestHostileText: what a plugin says is safe to store, its payload untouched.
func TestHostileText(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	body := "1 caf\xe9"
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		e := &wire.Event{ProviderId: "1", ProviderStatus: "ok"}
		out := &wire.ParseResponse{Deliveries: uint32(len(ds)), Events: []*wire.Event{e}}
		return out, nil
	}
	b.receive(body)
	b.work(1)
	if p := string(b.staged()[0].SourcePayload); p != body {
		t.Errorf("payload: got %q, want %q", p, body)
	}
	e := &sdk.Event{MessageID: "a\xffb", ErrorReason: "\xc3\x28", Attributes: sdk.Attributes{{Name: "k\xff", Value: "v\xfe"}}}
	sanitize(e)
	if e.MessageID != "a\uFFFDb" || e.ErrorReason != "\uFFFD(" || e.Attributes[0] != (sdk.Attribute{Name: "k\uFFFD", Value: "v\uFFFD"}) {
		t.Errorf("sanitized: got %q %q %q", e.MessageID, e.ErrorReason, e.Attributes)
	}
}

// TestTimes: no time, and a time in the future, are told (F23).
func TestTimes(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("1 a", "2 b")
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		out, err := parseLines(ds)
		out.Events[1].EventTimestamp = b.now.Add(24 * time.Hour).UnixMicro()
		return out, err
	}
	b.work(2)
	es := b.staged()
	if !es[0].Time.Equal(b.now) || es[0].Attr(sdk.AttrTimestampSource) != "received" {
		t.Errorf("without a time: got %v, %q", es[0].Time, es[0].Attributes)
	}
	if es[1].Attr(sdk.AttrClockSuspect) != "true" {
		t.Errorf("from the future: got %q", es[1].Attributes)
	}
}

// TestPartGivesNothing: a refused part that a newer plugin passes over in silence
// stays a dead letter.
func TestPartGivesNothing(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("1 a\nbad")
	b.work(1)
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		out, err := parseLines(ds)
		out.Verdicts = nil
		return out, err
	}
	if err := b.lane.again(context.Background(), b.dead()[0].ID); !errors.Is(err, ErrStillRejected) {
		t.Errorf("got %v, want %v", err, ErrStillRejected)
	}
	if d := b.dead()[0]; d.State != journal.DeadOpen || d.Code != CodeNoEvent || d.Attempts != 2 {
		t.Errorf("dead letter: got %+v", d)
	}
	b.balanced()
}

// TestRetryBesideTheLane proves the contract of Source: Parse is called from one
// goroutine at a time, also when a person retries while the lane works.
func TestRetryBesideTheLane(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("garbage")
	b.work(1)
	id := b.dead()[0].ID
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.lane.Run(ctx) }()
	for i := range 200 {
		b.receive(fmt.Sprintf("%d w", i))
		if err := b.lane.Retry(ctx, id); !errors.Is(err, ErrStillRejected) {
			t.Errorf("retry: got %v, want %v", err, ErrStillRejected)
		}
	}
	for from := uint64(0); b.out.Tail() < 201; from = b.out.Tail() {
		<-b.out.Changed(from)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if b.plugin.beside != 0 {
		t.Errorf("calls beside another: got %d, want 0", b.plugin.beside)
	}
	b.balanced()
}

// TestLongPoison: more bad requests in a row than a batch holds do not hold the
// lane for ever, once a later one shows that the plugin is well.
func TestLongPoison(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("poison", "poison", "poison", "poison", "poison")
	if err := b.one(0, 2); !errors.Is(err, errHeld) {
		t.Fatalf("got %v, want %v", err, errHeld)
	}
	b.receive("1 a")
	b.work(2)
	if dead := b.dead(); len(dead) != 5 || b.words() != "a" {
		t.Errorf("got %d dead letters, staged %q, want 5 and a", len(dead), b.words())
	}
	b.balanced()
}

// TestConservation proves I3, I7 and I9: over random requests and crashes at any
// time, the ledger adds up and each event is staged once.
func TestConservation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBed(t, dedupFor(time.Hour))
		defer func() { b.close() }()
		want := map[string]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			for range rapid.IntRange(0, 8).Draw(t, "requests") {
				body := rapid.SampledFrom([]string{"ping", "garbage", "poison", "", "E", "E\nE", "E\nbad\nE"}).Draw(t, "body")
				for strings.Contains(body, "E") {
					id := fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "id"))
					want["m-"+id] = true
					body = strings.Replace(body, "E", id+" w", 1)
				}
				b.receive(body)
			}
			b.receive("0 w") // vouches for the plugin
			want["m-0"] = true
			crash := rapid.SampledFrom([]int{-1, -1, 0, 50, 100}).Draw(t, "crash")
			es, err := b.raw.Read(b.j.Cursor(b.lane.cursor).Offset, 5, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if crash >= 0 && len(es) > 0 {
				// The process ends between parse and commit, or right after.
				p, err := b.lane.parser.parse(context.Background(), es)
				if err == nil && rapid.Bool().Draw(t, "commit") {
					err = b.lane.commit(context.Background(), p)
				}
				if err != nil && !errors.Is(err, errHeld) {
					t.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
				b.restart(b.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: crash, RNG: rng}))
			}
			b.work(rapid.IntRange(2, 20).Draw(t, "size"))
			b.balanced()
		}
		got := map[string]int{}
		for _, e := range b.staged() {
			got[e.MessageID]++
		}
		for id := range want {
			if got[id] != 1 {
				t.Errorf("I4, I6: event %s is staged %d times, want once", id, got[id])
			}
		}
		if len(got) != len(want) {
			t.Errorf("staged: got %d events, want %d", len(got), len(want))
		}
	})
}
