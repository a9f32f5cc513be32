package tap

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	enrich = "pipeline.messaging:enrich.crm"
	staged = "pipeline.messaging:staged"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		want    bool
	}{
		{enrich, true}, {"pipeline.messaging:*", true}, {"pipeline.*:enrich.*", true}, {"*:*", true},
		{"*", true}, {"enrich.*", true}, {"enrich.crm", true}, {"pipeline.messaging", true}, {"pipeline.m*", true},
		{"enrich", false}, {"crm", false}, {"pipeline", false}, {"sink.*", false}, {"pipeline.messaging:enrich", false},
		{":enrich.crm", false}, {"", false}, {"[", false},
	} {
		if got := Match(c.pattern, enrich); got != c.want {
			t.Errorf("Match(%q): got %v, want %v", c.pattern, got, c.want)
		}
	}
}

// world is a hub whose clock stands still.
type world struct {
	t   *testing.T
	hub Hub
	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Unix(1_800_000_000, 0)}
	w.hub.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}
	return w
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) open(s Spec) *Tap {
	w.t.Helper()
	tp, err := w.hub.Open(s)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(tp.Close)
	return tp
}

// publish has messages pass a place, in one step.
func (w *world) publish(place string, in bool, messages ...string) {
	rec := w.hub.Begin()
	for _, m := range messages {
		rec.At(place, in).Add(&sdk.Event{MessageID: m, SourcePayload: []byte("payload")}, Note{})
	}
	rec.Publish()
}

// shown are the messages that wait for the reader.
func shown(tp *Tap) string {
	var out []string
	for {
		select {
		case s := <-tp.Samples():
			out = append(out, s.Event.MessageID)
		default:
			return strings.Join(out, " ")
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"nothing asked for", Spec{}, "staged ended"},
		{"out", Spec{Out: []string{"enrich.*"}}, "out"},
		{"in", Spec{In: []string{"enrich.*"}}, "in"},
		{"both", Spec{In: []string{"enrich.*"}, Out: []string{enrich}}, "in out"},
		{"everything that leaves", Spec{Out: []string{"*"}}, "out staged ended"},
		{"elsewhere", Spec{Out: []string{"pipeline.other:*"}}, ""},
	} {
		w := newWorld(t)
		tp := w.open(c.spec)
		w.publish(enrich, true, "in")
		w.publish(enrich, false, "out")
		w.publish(staged, false, "staged")
		w.publish("pipeline.messaging:ended", false, "ended")
		if got := shown(tp); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func condition(t *testing.T, text string) *expr.Bool {
	t.Helper()
	e, ds := hclsyntax.ParseExpression([]byte(text), "where", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	b, diags := expr.CompileBool(e, expr.Scope{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return b
}

// Two taps see what each asked for, the payload included in what they may ask.
func TestWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ones := w.open(Spec{Where: condition(t, `event.payload.n == 1`)})
	all := w.open(Spec{})
	rec := w.hub.Begin()
	for _, n := range []int{1, 2, 1} {
		rec.At(staged, false).Add(&sdk.Event{MessageID: fmt.Sprint("m", n), SourcePayload: fmt.Appendf(nil, `{"n":%d}`, n)}, Note{})
	}
	rec.Publish()
	if got, want := shown(ones), "m1 m1"; got != want {
		t.Errorf("where: got %q, want %q", got, want)
	}
	if got, want := shown(all), "m1 m2 m1"; got != want {
		t.Errorf("all: got %q, want %q", got, want)
	}
	// What does not meet the condition is not missing.
	if got, want := ones.Counts(), (Counts{Passed: 3}); got != want {
		t.Errorf("counts: got %+v, want %+v", got, want)
	}
}

// A sample is what the event was at its place, whatever happens to it later, and
// holds no payload.
func TestSampleIsACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tp := w.open(Spec{})
	e := &sdk.Event{MessageID: "m1", SourcePayload: []byte("payload"), Identities: []string{"x"}}
	e.Attributes.Set("tier", "gold")
	sinks := []string{"kafka.stream"}
	rec := w.hub.Begin()
	rec.At(staged, false).Add(e, Note{Outcome: "staged", Sinks: sinks})
	e.MessageID = "changed"
	e.Attributes.Set("tier", "changed")
	sinks[0] = "changed"
	if got := shown(tp); got != "" {
		t.Errorf("I2: got %q before the step was committed", got)
	}
	rec.Publish()
	s := <-tp.Samples()
	if got := fmt.Sprint(s.Event.MessageID, s.Event.Attr("tier"), s.Sinks); got != "m1gold[kafka.stream]" {
		t.Errorf("got %s, want what it was", got)
	}
	if s.Event.SourcePayload != nil || s.Event.Identities != nil || s.Place != staged || s.In || !s.At.Equal(w.now) {
		t.Errorf("got %+v", s)
	}
	if string(e.SourcePayload) != "payload" {
		t.Error("the event lost its payload")
	}
}

// Nobody reads: what passes is counted to the last event, nothing waits, and
// memory stays bounded (I12, I13).
func TestSlowReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tp := w.open(Spec{})
	messages := make([]string, 512)
	for i := range messages {
		messages[i] = "m"
	}
	for range 20 { // seconds
		for range 20 { // batches: more than a tap looks at
			w.publish(staged, false, messages...)
		}
		w.pass(time.Second)
	}
	c := tp.Counts()
	if want := uint64(20 * 20 * 512); c.Passed != want || c.NotShown != want-buffer {
		t.Errorf("got %+v, want %d passed, all but %d not shown", c, want, buffer)
	}
	if got := len(tp.Samples()); got != buffer {
		t.Errorf("waiting: got %d, want %d", got, buffer)
	}
	// Once it reads again it sees what passes then.
	shown(tp)
	w.publish(staged, false, "new")
	if got := shown(tp); got != "new" {
		t.Errorf("got %q, want new", got)
	}
}

// A tap takes a bounded share of each second, and a full one of the next.
func TestRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tp := w.open(Spec{Where: condition(t, `event.message_id == "yes"`)})
	send := func(n int, message string) {
		rec := w.hub.Begin()
		for range n {
			rec.At(staged, false).Add(&sdk.Event{MessageID: message}, Note{})
		}
		rec.Publish()
	}
	send(maxLooks, "no")
	send(1, "yes")
	if got, want := tp.Counts(), (Counts{maxLooks + 1, 1}); got != want || shown(tp) != "" {
		t.Errorf("beyond what it looks at: got %+v, want %+v", got, want)
	}
	w.pass(time.Second)
	send(maxSamples+1, "yes")
	if got, want := tp.Counts(), (Counts{maxLooks + maxSamples + 2, 2}); got != want {
		t.Errorf("beyond what it copies: got %+v, want %+v", got, want)
	}
	if got := len(tp.Samples()); got != maxSamples {
		t.Errorf("shown: got %d, want %d", got, maxSamples)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []string{"", "[", "a[b-"} {
		if _, err := w.hub.Open(Spec{Out: []string{p}}); err == nil {
			t.Errorf("pattern %q: got no error", p)
		}
	}
	var taps []*Tap
	for range MaxTaps {
		taps = append(taps, w.open(Spec{}))
	}
	if _, err := w.hub.Open(Spec{}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: got %v, want %v", err, ErrTooMany)
	}
	taps[0].Close()
	taps[0].Close() // no harm
	w.publish(staged, false, "m1")
	if got := shown(taps[0]) + shown(w.open(Spec{})); got != "" {
		t.Errorf("closed, and opened later: got %q, want nothing", got)
	}
	if got := shown(taps[1]); got != "m1" {
		t.Errorf("open: got %q, want m1", got)
	}
}

// Taps come and go while events pass: nothing is lost unseen, nobody waits.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	var hub Hub
	stay, err := hub.Open(Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer stay.Close()
	const publishers, batches, size = 4, 200, 20
	var wg sync.WaitGroup
	for range publishers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range batches {
				rec := hub.Begin()
				for range size {
					rec.At(staged, false).Add(&sdk.Event{MessageID: "m"}, Note{})
				}
				rec.Publish()
			}
		}()
	}
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 100 {
				tp, err := hub.Open(Spec{Out: []string{"*"}})
				if err != nil {
					t.Error(err)
					return
				}
				shown(tp)
				tp.Close()
			}
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen := uint64(0)
	for running := true; running; {
		select {
		case <-stay.Samples():
			seen++
		case <-done:
			running = false
		}
	}
	seen += uint64(len(stay.Samples()))
	if c := stay.Counts(); c.Passed != publishers*batches*size || c.Passed != seen+c.NotShown {
		t.Errorf("got %+v and %d seen, want %d passed in all", c, seen, publishers*batches*size)
	}
}

// Nobody listens: a batch costs one atomic load, and no memory.
// Not parallel: AllocsPerRun counts what others allocate.
func TestOffCostsNothing(t *testing.T) {
	for name, hub := range map[string]*Hub{"no hub": nil, "no taps": {}} {
		if n := testing.AllocsPerRun(100, func() {
			rec := hub.Begin()
			rec.At(staged, false).Add(nil, Note{})
			rec.Publish()
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want none", name, n)
		}
	}
}

func BenchmarkOff(b *testing.B) {
	var hub Hub
	b.ReportAllocs()
	for b.Loop() {
		hub.Begin().Publish()
	}
}

// BenchmarkEvent is what one event costs a lane while somebody watches and reads
// too slowly.
func BenchmarkEvent(b *testing.B) {
	var hub Hub
	tp, err := hub.Open(Spec{})
	if err != nil {
		b.Fatal(err)
	}
	defer tp.Close()
	e := &sdk.Event{MessageID: "SM1", Recipient: "+447700900123", Source: "twilio.support"}
	e.Attributes.Set("tier", "gold")
	b.ReportAllocs()
	for b.Loop() {
		rec := hub.Begin()
		rec.At(staged, false).Add(e, Note{})
		rec.Publish()
	}
}
