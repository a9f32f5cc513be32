package sdk

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// dial serves what register registers, in process, until the test ends.
func dial(t *testing.T, register func(*grpc.Server)) *Client {
	t.Helper()
	quiet := zerolog.New(io.Discard) // what plugins log belongs to no test
	srv := grpc.NewServer(append(wire.ServerOptions(), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(quiet.WithContext(ctx), req)
		}))...)
	register(srv)
	pipe := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(pipe) }()
	conn, err := grpc.NewClient("passthrough:test", append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		srv.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return NewClient(conn)
}

// liar is a plugin that answers what it is told to.
type liar struct {
	parse  []byte
	verify []bool
	write  *wire.WriteResponse
	count  *wire.CountResponse
	wrote  []byte // the last WriteRequest
}

func (*liar) Describe(context.Context, *wire.DescribeRequest) (*wire.DescribeResponse, error) {
	return &wire.DescribeResponse{Name: "liar"}, nil
}

func (*liar) Stop(context.Context, *wire.StopRequest) (*wire.StopResponse, error) {
	return &wire.StopResponse{}, nil
}

func (*liar) Configure(context.Context, *wire.ConfigureRequest) (*wire.ConfigureSourceResponse, error) {
	return &wire.ConfigureSourceResponse{}, nil
}

func (l *liar) Parse(context.Context, *wire.Frame) (*wire.Frame, error) {
	return &wire.Frame{Parts: [][]byte{l.parse}}, nil
}

func (l *liar) Verify(context.Context, *wire.Frame) (*wire.VerifyResponse, error) {
	return &wire.VerifyResponse{Ok: l.verify}, nil
}

func (*liar) Open(context.Context, *wire.ConfigureRequest) (*wire.OpenSinkResponse, error) {
	return &wire.OpenSinkResponse{Failure: &wire.Failure{Class: "auth", Code: "28P01", Reason: "refused"}}, nil
}

func (l *liar) Write(_ context.Context, f *wire.Frame) (*wire.WriteResponse, error) {
	l.wrote = f.Data
	return l.write, nil
}

func (l *liar) Count(context.Context, *wire.CountRequest) (*wire.CountResponse, error) {
	return l.count, nil
}

func (*liar) Close(context.Context, *wire.CloseRequest) (*wire.CloseResponse, error) {
	return nil, status.Error(codes.Unknown, "would not")
}

func (l *liar) client(t *testing.T) *Client {
	return dial(t, func(s *grpc.Server) { wire.Register(s, l, l, l) })
}

func mustMarshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseAnswer(deliveries uint32, verdicts []*wire.Verdict, of ...uint32) *wire.ParseResponse {
	out := &wire.ParseResponse{Deliveries: deliveries, Verdicts: verdicts}
	for _, d := range of {
		out.Events = append(out.Events, &wire.Event{Delivery: d, ProviderId: "x"})
	}
	return out
}

// I13, F15: what a plugin says of requests that it was not asked about, or in
// another order, is nobody's.
func TestParseRefusesLiars(t *testing.T) {
	t.Parallel()
	wrong := func(change func(*wire.Event)) *wire.ParseResponse {
		out := parseAnswer(2, nil, 0, 1)
		change(out.Events[1])
		return out
	}
	for _, c := range []struct {
		name string
		ok   bool
		resp *wire.ParseResponse
	}{
		{"one event each", true, parseAnswer(2, nil, 0, 1)},
		{"several events of one", true, parseAnswer(2, nil, 0, 0, 0, 1)},
		{"none", true, parseAnswer(2, nil)},
		{"a verdict", true, parseAnswer(2, []*wire.Verdict{{Delivery: 1, Code: "malformed"}}, 0)},
		{"as many as there is room for", true, parseAnswer(2, nil, make([]uint32, 2*64+100/4)...)},
		{"one more", false, parseAnswer(2, nil, make([]uint32, 2*64+100/4+1)...)},
		{"fewer", false, parseAnswer(1, nil, 0)},
		{"more", false, parseAnswer(3, nil, 0, 1)},
		{"no count", false, parseAnswer(0, nil, 0, 1)},
		{"unknown request", false, parseAnswer(2, nil, 0, 2)},
		{"far request", false, parseAnswer(2, nil, 0, 1<<32-1)},
		{"reordered", false, parseAnswer(2, nil, 1, 0)},
		{"verdict on an unknown request", false, parseAnswer(2, []*wire.Verdict{{Delivery: 2}}, 0)},
		{"verdict on a far request", false, parseAnswer(2, []*wire.Verdict{{Delivery: 1<<32 - 1}}, 0)},
		{"a type that does not exist", false, wrong(func(e *wire.Event) { e.EventType = 99 })},
		{"a negative type", false, wrong(func(e *wire.Event) { e.EventType = -1 })},
		{"a channel that does not exist", false, wrong(func(e *wire.Event) { e.Channel = 9 })},
		{"a direction that does not exist", false, wrong(func(e *wire.Event) { e.Direction = 3 })},
	} {
		l := &liar{parse: mustMarshal(t, c.resp)}
		p, err := l.client(t).Parse(t.Context(), [][]byte{make([]byte, 40), make([]byte, 60)}, 2)
		if c.ok != (err == nil) || (err != nil && !errors.Is(err, ErrProtocol)) {
			t.Errorf("%s: got %+v, %v", c.name, p, err)
		}
		if c.ok && (len(p.Events) != len(c.resp.Events) || len(p.Verdicts) != len(c.resp.Verdicts)) {
			t.Errorf("%s: got %+v, want %v", c.name, p, c.resp)
		}
	}
}

func TestParseRefusesGarbage(t *testing.T) {
	t.Parallel()
	event := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte{0x80})
	verdict := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{0x80})
	good := mustMarshal(t, parseAnswer(1, nil, 0))
	for name, data := range map[string][]byte{
		"no message": {0xff}, "an event that is none": event, "a verdict that is none": verdict, "cut off": good[:len(good)-3],
	} {
		if p, err := decodeParsed(data, 1, 64); !errors.Is(err, ErrWire) && !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	in := []*wire.Verdict{
		{Kind: wire.Verdict_KIND_IGNORE, Delivery: 1, Code: "ping"},
		{Delivery: 0, Part: true, Index: 3, PayloadOffset: 7, PayloadLength: 9, Code: "duplicate_key", Reason: "two"},
	}
	p, err := decodeParsed(mustMarshal(t, parseAnswer(2, in)), 2, 64)
	want := []Verdict{
		{Ignored: true, Delivery: 1, Code: "ping"},
		{Delivery: 0, Part: true, Index: 3, Offset: 7, Length: 9, Code: "duplicate_key", Reason: "two"},
	}
	if err != nil || !reflect.DeepEqual(p.Verdicts, want) {
		t.Errorf("got %+v, %v, want %+v", p, err, want)
	}
}

func TestVerifyRefusesLiars(t *testing.T) {
	t.Parallel()
	for _, answer := range [][]bool{nil, {true}, {true, true, true}} {
		if ok, err := (&liar{verify: answer}).client(t).Verify(t.Context(), nil, 2); !errors.Is(err, ErrProtocol) {
			t.Errorf("%v: got %v, %v", answer, ok, err)
		}
	}
	if ok, err := (&liar{verify: []bool{true, false}}).client(t).Verify(t.Context(), nil, 2); err != nil || !ok[0] || ok[1] {
		t.Errorf("got %v, %v", ok, err)
	}
}

// I13, F15: an outcome of an event that was not written is nobody's.
func TestWriteRefusesLiars(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ok     bool
		events uint32
		said   []*wire.Outcome
	}{
		{"all done", true, 2, nil},
		{"one of each, in another order", true, 2, []*wire.Outcome{{Index: 1, Kind: wire.Outcome_KIND_RETRY}, {Index: 0, Kind: wire.Outcome_KIND_REJECTED}}},
		{"fewer", false, 1, nil}, {"more", false, 3, nil}, {"no count", false, 0, nil},
		{"unknown event", false, 2, []*wire.Outcome{{Index: 2}}},
		{"far event", false, 2, []*wire.Outcome{{Index: 1<<32 - 1}}},
		{"two outcomes of one", false, 2, []*wire.Outcome{{Index: 1}, {Index: 1, Kind: wire.Outcome_KIND_RETRY}}},
		{"an outcome that does not exist", false, 2, []*wire.Outcome{{Index: 1, Kind: 9}}},
	} {
		l := &liar{write: &wire.WriteResponse{Events: c.events, Outcomes: c.said}}
		out, err := l.client(t).Write(t.Context(), nil, 2, "b", "p")
		if c.ok != (err == nil) || (err != nil && !errors.Is(err, ErrProtocol)) || (c.ok && len(out) != 2) {
			t.Errorf("%s: got %+v, %v", c.name, out, err)
		}
	}
}

func TestWriteOutcomes(t *testing.T) {
	t.Parallel()
	l := &liar{write: &wire.WriteResponse{Events: 5, Outcomes: []*wire.Outcome{
		{Index: 1, Kind: wire.Outcome_KIND_DUPLICATE}, {Index: 2, Kind: wire.Outcome_KIND_RETRY, Reason: "busy", WaitMs: 1500},
		{Index: 3, Kind: wire.Outcome_KIND_UNKNOWN, WaitMs: -5}, {Index: 4, Kind: wire.Outcome_KIND_REJECTED, Code: "c", Reason: "r", WaitMs: 1 << 62},
	}}}
	e := Event{MessageID: "m"}
	part := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), e.AppendWire(nil))
	out, err := l.client(t).Write(t.Context(), [][]byte{part, part, part, part, part}, 5, "batch", "pipe")
	want := []Outcome{
		{Kind: OutcomeDone}, {Kind: OutcomeDuplicate}, {Kind: OutcomeRetry, Reason: "busy", Wait: 1500 * time.Millisecond},
		{Kind: OutcomeUnknown}, {Kind: OutcomeRejected, Code: "c", Reason: "r", Wait: maxWait},
	}
	if err != nil || !reflect.DeepEqual(out, want) {
		t.Errorf("got %+v, %v, want %+v", out, err, want)
	}
	var req wire.WriteRequest
	if err := proto.Unmarshal(l.wrote, &req); err != nil || len(req.Events) != 5 || req.BatchId != "batch" || req.Pipeline != "pipe" {
		t.Errorf("the plugin was asked %v, %v", &req, err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]FailureClass{
		"transient": Transient, "throttled": Throttled, "auth": AuthFailed, "config": Misconfigured, "": Transient, "panic": Transient,
	} {
		l := &liar{write: &wire.WriteResponse{Failure: &wire.Failure{Class: class, Code: "C", Reason: "why", WaitMs: 2000}}}
		_, err := l.client(t).Write(t.Context(), nil, 3, "b", "p")
		var f *Failure
		if !errors.As(err, &f) || f.Class != want || f.Code != "C" || f.Wait != 2*time.Second || !strings.Contains(f.Error(), "why") {
			t.Errorf("class %q: got %v, want %s", class, err, want)
		}
	}
	c := (&liar{}).client(t)
	resp, err := c.OpenSink(t.Context(), &wire.ConfigureRequest{})
	var f *Failure
	if err != nil || !errors.As(OpenFailure(resp), &f) || f.Class != AuthFailed || f.Code != "28P01" {
		t.Errorf("Open: got %v, %v", OpenFailure(resp), err)
	}
	if err := OpenFailure(&wire.OpenSinkResponse{}); err != nil {
		t.Errorf("an open sink failed: %v", err)
	}
	if err := c.CloseSink(t.Context()); status.Code(err) != codes.Unknown {
		t.Errorf("Close: %v", err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// FuzzDecodeParsed: whatever a plugin answers, an error or events and verdicts
// of the requests that were asked about.
func FuzzDecodeParsed(f *testing.F) {
	good, err := proto.Marshal(parseAnswer(2, []*wire.Verdict{{Delivery: 1, Part: true, PayloadLength: 4}}, 0, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x0a, 0x00, 0x18, 0x02})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeParsed(data, 2, 128)
		if err != nil {
			return
		}
		for i := range p.Events {
			if d := p.Events[i].DeliveryIndex(); d < 0 || d > 1 || i > 0 && d < p.Events[i-1].DeliveryIndex() {
				t.Fatalf("event of request %d", d)
			}
			if p.Events[i].PayloadOffset < 0 || p.Events[i].PayloadLength < 0 || p.Events[i].RawIndex < 0 {
				t.Fatalf("a negative place: %+v", p.Events[i])
			}
		}
		for _, v := range p.Verdicts {
			if v.Delivery < 0 || v.Delivery > 1 || v.Offset < 0 || v.Length < 0 || v.Index < 0 {
				t.Fatalf("verdict %+v", v)
			}
		}
	})
}
