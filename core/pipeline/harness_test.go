package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// fake is a source plugin that does as it is told.
type fake struct {
	mu     sync.Mutex
	client *sdk.Client
	parse  func([]sdk.Delivery) (*wire.ParseResponse, error)
	calls  int
	faults []error
	inCall bool
	beside int // calls that came while another was under way
}

func newFake() *fake {
	f := &fake{parse: parseLines}
	f.client = sdk.NewClient(f)
	return f
}

// Client implements Plugin.
func (f *fake) Client(ctx context.Context) (*sdk.Client, error) { return f.client, ctx.Err() }

// Fault implements Plugin.
func (f *fake) Fault(_ *sdk.Client, reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, reason)
}

func (f *fake) faulted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.faults)
}

// Invoke implements grpc.ClientConnInterface.
func (f *fake) Invoke(_ context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	if method != wire.MethodParse {
		return status.Error(codes.Unimplemented, method)
	}
	f.mu.Lock()
	if f.inCall {
		f.beside++
	}
	f.inCall = true
	f.calls++
	parse := f.parse
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.inCall = false
		f.mu.Unlock()
	}()
	var ds []sdk.Delivery
	b := bytes.Join(args.(*wire.Frame).Parts, nil)
	for len(b) > 0 {
		_, _, tag := protowire.ConsumeTag(b)
		inner, n := protowire.ConsumeBytes(b[tag:])
		var d sdk.Delivery
		if err := d.UnmarshalWire(inner); err != nil {
			return status.Error(codes.Internal, err.Error())
		}
		ds, b = append(ds, d), b[tag+n:]
	}
	out, err := parse(ds)
	if err != nil {
		return err
	}
	reply.(*wire.Frame).Data, err = proto.Marshal(out)
	return err
}

// NewStream implements grpc.ClientConnInterface.
func (f *fake) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams")
}

// parseLines understands bodies of lines: "id word" is an event, "noid word" one
// that nothing identifies, "bad" a part that cannot be understood. A body "ping"
// is ignored, "garbage" refused, "poison" fails the call.
func parseLines(ds []sdk.Delivery) (*wire.ParseResponse, error) {
	out := &wire.ParseResponse{Deliveries: uint32(len(ds))}
	for i, d := range ds {
		body := string(d.Body)
		switch body {
		case "poison":
			return nil, status.Error(codes.Internal, "plugin panicked: poison")
		case "ping", "garbage":
			v := &wire.Verdict{Delivery: uint32(i), Code: body}
			if body == "ping" {
				v.Kind = wire.Verdict_KIND_IGNORE
			}
			out.Verdicts = append(out.Verdicts, v)
			continue
		}
		at := 0
		for place, line := range strings.Split(body, "\n") {
			id, word, _ := strings.Cut(line, " ")
			if id == "bad" {
				out.Verdicts = append(out.Verdicts, &wire.Verdict{
					Delivery: uint32(i), Part: true, Index: uint32(place), PayloadOffset: uint64(at), PayloadLength: uint64(len(line)), Code: sdk.Malformed,
				})
			} else if line != "" {
				e := &wire.Event{
					Delivery: uint32(i), ProviderId: id, MessageId: "m-" + id, ProviderStatus: word, EventType: wire.EventType(sdk.Delivered),
					PayloadOffset: uint64(at), PayloadLength: uint64(len(line)),
				}
				if id == "noid" {
					e.ProviderId = ""
				}
				out.Events = append(out.Events, e)
			}
			at += len(line) + 1
		}
	}
	return out, nil
}

// bed is a journal with one lane.
type bed struct {
	t      tb
	fs     *vfs.MemFS
	j      *journal.Journal
	raw    *journal.Log
	out    *journal.Log
	plugin *fake
	lane   *Lane
	stages func(*bed) []stage.Stage
	open   bool // authenticates nothing by choice
	now    time.Time
}

func newBed(t tb, stages func(*bed) []stage.Stage) *bed {
	t.Helper()
	b := &bed{t: t, fs: vfs.NewCrashableMem(), plugin: newFake(), stages: stages, now: time.Unix(1_800_000_000, 0).UTC()}
	b.start()
	return b
}

func cleanBed(t *testing.T, stages func(*bed) []stage.Stage) *bed {
	t.Helper()
	b := newBed(t, stages)
	t.Cleanup(b.close)
	return b
}

func (b *bed) close() {
	if err := b.j.Close(); err != nil {
		b.t.Errorf("close: %v", err)
	}
}

func (b *bed) start() {
	b.t.Helper()
	var err error
	b.j, err = journal.Open(journal.Options{
		Dir: "j", FS: b.fs, Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		b.t.Fatalf("open: %v", err)
	}
	if b.raw, err = b.j.Log(journal.Raw, "test.s"); err == nil {
		b.out, err = b.j.Log(journal.StagedIn, "p")
	}
	if err != nil {
		b.t.Fatalf("log: %v", err)
	}
	o := Options{
		Pipeline: "p", Source: "test.s", Provider: "test", Open: func() bool { return b.open }, Journal: b.j, Raw: b.raw, Staged: b.out,
		Plugin: b.plugin, Targets: []uint32{7}, Sinks: map[uint32]string{7: "k"}, Log: zerolog.Nop(), Now: func() time.Time { return b.now },
		MaxWait: time.Nanosecond,
	}
	if b.stages != nil {
		o.Stages = b.stages(b)
	}
	b.lane = New(o)
	b.lane.parser.retry = func(ctx context.Context, _ int) error { return ctx.Err() }
}

// restart goes on with fs as after the end of the process.
func (b *bed) restart(fs *vfs.MemFS) {
	b.t.Helper()
	b.close()
	b.fs = fs
	b.start()
}

// receive stores requests as the receiver does.
func (b *bed) receive(bodies ...string) {
	b.t.Helper()
	for _, body := range bodies {
		b.store(&sdk.Delivery{ReceivedAt: b.now, Method: "POST", URL: "https://h/s", Body: []byte(body), Authenticated: true})
	}
}

func (b *bed) store(d *sdk.Delivery) {
	b.t.Helper()
	inner := d.AppendWire(nil)
	framed := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
	if _, err := b.raw.Append(framed); err != nil {
		b.t.Fatalf("append: %v", err)
	}
}

// work carries what is there, in batches of at most size.
func (b *bed) work(size int) {
	b.t.Helper()
	for range 10000 {
		from := b.j.Cursor(b.lane.cursor).Offset
		if from == b.raw.Tail() {
			return
		}
		b.one(from, size)
	}
	b.t.Fatalf("the lane stands at %d of %d", b.j.Cursor(b.lane.cursor).Offset, b.raw.Tail())
}

// one carries one batch; it reports what the parser says.
func (b *bed) one(from uint64, size int) (err error) {
	b.t.Helper()
	es, err := b.raw.Read(from, size, 1<<20)
	if err != nil {
		b.t.Fatalf("read at %d: %v", from, err)
	}
	p, err := b.lane.parser.parse(context.Background(), es)
	if err != nil {
		if !errors.Is(err, errHeld) {
			b.t.Fatalf("parse: %v", err)
		}
		return err
	}
	if err := b.lane.commit(context.Background(), p); err != nil {
		b.t.Fatalf("commit: %v", err)
	}
	return nil
}

// entry is what stands in the staged log.
type entry struct {
	meta  staged.Meta
	event *sdk.Event
}

func (b *bed) entries() (out []entry) {
	b.t.Helper()
	for from := uint64(0); from < b.out.Tail(); {
		es, err := b.out.Read(from, 1000, 1<<20)
		if err != nil {
			b.t.Fatalf("read staged: %v", err)
		}
		for _, e := range es {
			var x entry
			if err := x.meta.Decode(e.Meta); err != nil {
				b.t.Fatalf("meta at %d: %v", e.Offset, err)
			}
			if x.event, err = staged.Event(e.Body); err != nil {
				b.t.Fatalf("event at %d: %v", e.Offset, err)
			}
			out = append(out, x)
			from++
		}
	}
	return out
}

// staged are the events that wait for sinks.
func (b *bed) staged() (out []*sdk.Event) {
	b.t.Helper()
	for _, e := range b.entries() {
		if e.meta.Note == nil {
			out = append(out, e.event)
		}
	}
	return out
}

func (b *bed) words() string {
	b.t.Helper()
	var out []string
	for _, e := range b.staged() {
		out = append(out, e.ProviderStatus)
	}
	return strings.Join(out, " ")
}

func (b *bed) count(o journal.Outcome) (n int64) {
	for _, c := range b.j.Ledger() {
		if c.Scope == journal.ScopePipeline && c.Outcome == o {
			n += c.N
		}
	}
	return n
}

func (b *bed) dead() (out []*journal.DeadLetter) {
	b.t.Helper()
	if err := b.j.DeadLetters(0, func(d *journal.DeadLetter) bool { out = append(out, d); return true }); err != nil {
		b.t.Fatalf("dead letters: %v", err)
	}
	return out
}

// balanced proves I3: the ledger says what the staged log and the dead letters say.
func (b *bed) balanced() {
	b.t.Helper()
	notes := map[journal.Outcome]int64{}
	for _, e := range b.entries() {
		if e.meta.Note != nil {
			notes[e.meta.Note.Outcome]++
		} else {
			notes[journal.Staged]++
		}
	}
	open := int64(0)
	for _, d := range b.dead() {
		if d.State == journal.DeadOpen {
			open++
		}
	}
	for _, o := range []journal.Outcome{journal.Staged, journal.Duplicate, journal.Filtered, journal.Ignored} {
		if got := b.count(o); got != notes[o] {
			b.t.Errorf("I3: ledger says %d %s, the log %d", got, o, notes[o])
		}
	}
	if got := b.count(journal.DeadLettered); got != open {
		b.t.Errorf("I3: ledger says %d dead letters, %d are open", got, open)
	}
	if got, want := b.count(journal.Parsed), int64(b.j.Cursor(b.lane.cursor).Offset); got != want {
		b.t.Errorf("I3: ledger says %d requests parsed, cursor %d", got, want)
	}
}

func ids(es []*sdk.Event) string {
	var out []string
	for _, e := range es {
		out = append(out, fmt.Sprintf("%s=%s", e.ProviderStatus, e.ID.String()[:8]))
	}
	return strings.Join(out, " ")
}
