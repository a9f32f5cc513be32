package sdk

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type plainConfig struct {
	Key string `pb:"key,required,sensitive" doc:"A key."`
}

// scripted is a source that does what the bodies of its requests say.
type scripted struct {
	auth Auth
	err  error
	name string
}

func (s *scripted) Info() Info {
	return Info{Name: s.name, Version: "1.2.3", Summary: "Scripted.", Channel: Push, RetryHorizon: time.Hour}
}

func (s *scripted) Configure(_ context.Context, c *plainConfig) (Auth, error) {
	if c.Key == "panic" {
		panic("no such key")
	}
	return s.auth, s.err
}

func (s *scripted) Endpoint() Endpoint {
	return Endpoint{
		Methods: []string{"PUT"}, Success: Answer{Status: 204}, Refusal: Answer{Status: 403, RetryAfter: 2 * time.Second}, MaxBody: 9,
		Handshakes: []Handshake{{
			Method: "GET", When: map[string]string{"{query.a}": "*"}, Secret: "{query.s}", SecretValues: []string{"v"},
			Answer: Answer{Body: "{query.a}", ContentType: "text/plain"},
		}},
	}
}

func (s *scripted) Verify(_ context.Context, d *Delivery) bool { return d.Header("X-Sign") == "good" }

func (s *scripted) Parse(_ context.Context, in []Delivery, out *Batch) error {
	for i := len(in) - 1; i >= 0; i-- { // core gets them in order nevertheless
		switch body := string(in[i].Body); body {
		case "panic":
			panic("cannot")
		case "error":
			return errors.New("cannot read")
		case "reject":
			out.Reject(i, Malformed, errors.New("no"))
		case "ignore":
			out.Ignore(i, "ping")
		case "part":
			out.RejectPart(i, 2, 1, 3, "bad", nil)
		case "elsewhere":
			out.Add(len(in)).ProviderID = body
		case "before":
			out.Add(-1).ProviderID = body
		case "nobody's":
			out.Reject(len(in), Malformed, nil)
		default:
			e := out.Add(i)
			e.ProviderID, e.Channel = body, Push
			out.Add(i).ProviderID = body + "/2"
		}
	}
	return nil
}

func serveTypes(t *testing.T, types ...Type) *Client {
	t.Helper()
	srv, err := NewServer("test", "1.0.0", types...)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, func(s *grpc.Server) { srv.Register(s) })
}

func configured(t *testing.T, s *scripted) *Client {
	t.Helper()
	s.name = "scripted"
	c := serveTypes(t, SourceType[plainConfig](s))
	if _, err := c.ConfigureSource(t.Context(), &wire.ConfigureRequest{Type: "scripted", ConfigJson: []byte(`{"key":"k"}`)}); err != nil {
		t.Fatal(err)
	}
	return c
}

func parseBodies(t *testing.T, c *Client, bodies ...string) (*Parsed, error) {
	t.Helper()
	var parts [][]byte
	for _, b := range bodies {
		d := Delivery{Method: "POST", Body: []byte(b)}
		parts = append(parts, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil)))
	}
	return c.Parse(t.Context(), parts, len(bodies))
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	c := serveTypes(t, SourceType[plainConfig](&scripted{name: "zeta"}), SinkType[checkedConfig](&checkedSink{}))
	d, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "test" || d.Version != "1.0.0" || d.Sdk != "go/"+Version || len(d.Types) != 2 {
		t.Fatalf("got %v", d)
	}
	sink, source := d.Types[0], d.Types[1]
	if sink.Name != "checked" || sink.Kind != wire.TypeInfo_KIND_SINK || sink.Sink.Idempotency != string(NotIdempotent) {
		t.Errorf("sink: %v", sink)
	}
	if source.Name != "zeta" || source.Source.Channel != "push" || source.Source.RetryHorizonMs != 3_600_000 ||
		!reflect.DeepEqual(source.Capabilities, []string{"endpoint", "verifier"}) || !source.Schema.Attributes[0].Sensitive {
		t.Errorf("source: %v", source)
	}
	if _, err := NewServer("x", "1", SourceType[plainConfig](&scripted{})); err == nil {
		t.Error("a type without a name is served")
	}
	if _, err := NewServer("x", "1", SourceType[int](numeric{})); err == nil {
		t.Error("a type whose configuration is no struct is served")
	}
}

type numeric struct{}

func (numeric) Info() Info                                      { return Info{Name: "numeric"} }
func (numeric) Configure(context.Context, *int) (Auth, error)   { return NoAuth{}, nil }
func (numeric) Parse(context.Context, []Delivery, *Batch) error { return nil }

func TestConfigureSource(t *testing.T) {
	t.Parallel()
	warning := &ConfigProblem{Path: "key", Summary: "short", Warning: true}
	for _, c := range []struct {
		name, config string
		source       scripted
		code         codes.Code
		diags        []string
		auth         bool
	}{
		{"good", `{"key":"k"}`, scripted{auth: NoAuth{}}, codes.OK, nil, true},
		{"a warning", `{"key":"k"}`, scripted{auth: NoAuth{}, err: warning}, codes.OK, []string{"key: short"}, true},
		{"a problem", `{"key":"k"}`, scripted{auth: NoAuth{}, err: Problem("key", "bad", "")}, codes.OK, []string{"key: bad"}, false},
		{"another error", `{"key":"k"}`, scripted{err: errors.New("broken")}, codes.OK, []string{": broken"}, false},
		{"no key", `{}`, scripted{auth: NoAuth{}}, codes.OK, []string{"key: missing argument"}, false},
		{"no authentication", `{"key":"k"}`, scripted{}, codes.Internal, nil, false},
		{"panic", `{"key":"panic"}`, scripted{}, codes.Internal, nil, false},
	} {
		s := c.source
		s.name = "scripted"
		client := serveTypes(t, SourceType[plainConfig](&s))
		resp, err := client.ConfigureSource(t.Context(), &wire.ConfigureRequest{Type: "scripted", ConfigJson: []byte(c.config)})
		var diags []string
		for _, d := range resp.Diagnostics {
			diags = append(diags, d.Path+": "+d.Summary)
		}
		if status.Code(err) != c.code || !reflect.DeepEqual(diags, c.diags) || (resp.Auth != nil) != c.auth {
			t.Errorf("%s: got %v, %v, want %s, %q, authentication %v", c.name, resp, err, c.code, c.diags, c.auth)
		}
		if c.auth && (resp.Endpoint.GetSuccess().GetStatus() != 204 || resp.Endpoint.Refusal.RetryAfterMs != 2000 || len(resp.Endpoint.Handshakes) != 1) {
			t.Errorf("%s: endpoint %v", c.name, resp.Endpoint)
		}
	}
	client := serveTypes(t, SourceType[plainConfig](&scripted{name: "scripted"}))
	for _, typ := range []string{"", "other"} {
		if _, err := client.ConfigureSource(t.Context(), &wire.ConfigureRequest{Type: typ}); status.Code(err) != codes.NotFound {
			t.Errorf("type %q: %v", typ, err)
		}
	}
}

func TestParseOverTheWire(t *testing.T) {
	t.Parallel()
	c := configured(t, &scripted{auth: NoAuth{}})
	p, err := parseBodies(t, c, "a", "reject", "ignore", "part", "b")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range p.Events {
		got = append(got, p.Events[i].ProviderID)
	}
	if want := []string{"a", "a/2", "b", "b/2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	want := map[int]Verdict{
		1: {Delivery: 1, Code: Malformed, Reason: "no"}, 2: {Delivery: 2, Ignored: true, Code: "ping"},
		3: {Delivery: 3, Part: true, Index: 2, Offset: 1, Length: 3, Code: "bad"},
	}
	for _, v := range p.Verdicts {
		if v != want[v.Delivery] {
			t.Errorf("verdict %+v, want %+v", v, want[v.Delivery])
		}
	}
	if len(p.Verdicts) != 3 {
		t.Errorf("%d verdicts", len(p.Verdicts))
	}
	if p, err := parseBodies(t, c); err != nil || len(p.Events) != 0 {
		t.Errorf("an empty batch: %+v, %v", p, err)
	}
}

// A request that breaks the plugin's code breaks the call, not the process
// (F21), and a plugin cannot answer for requests of others (I13).
func TestParseFailures(t *testing.T) {
	t.Parallel()
	c := configured(t, &scripted{auth: NoAuth{}})
	for body, want := range map[string]codes.Code{"panic": codes.Internal, "error": codes.Unknown} {
		if p, err := parseBodies(t, c, "a", body); status.Code(err) != want {
			t.Errorf("%s: got %+v, %v, want %s", body, p, err, want)
		}
	}
	for _, body := range []string{"elsewhere", "before", "nobody's"} {
		if p, err := parseBodies(t, c, "a", body); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %+v, %v, want ErrProtocol", body, p, err)
		}
	}
	if _, err := c.Parse(t.Context(), [][]byte{{0x0a, 1, 0x80}}, 1); status.Code(err) != codes.InvalidArgument {
		t.Errorf("garbage: %v", err)
	}
	if p, err := parseBodies(t, c, "a"); err != nil || len(p.Events) != 2 {
		t.Errorf("afterwards: got %+v, %v", p, err)
	}
	fresh := serveTypes(t, SourceType[plainConfig](&scripted{name: "scripted"}))
	if _, err := parseBodies(t, fresh, "a"); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("before Configure: %v", err)
	}
	if _, err := fresh.Verify(t.Context(), nil, 0); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("Verify before Configure: %v", err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c := configured(t, &scripted{auth: Verified{}})
	var parts [][]byte
	for _, sign := range []string{"good", "bad"} {
		d := Delivery{Headers: []HeaderField{{"X-Sign", sign}}}
		parts = append(parts, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil)))
	}
	if ok, err := c.Verify(t.Context(), parts, 2); err != nil || !reflect.DeepEqual(ok, []bool{true, false}) {
		t.Errorf("got %v, %v", ok, err)
	}
	none := &sourceServer[int]{s: numeric{}}
	if _, err := none.Verify(t.Context(), &wire.Frame{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a source without Verify: %v", err)
	}
}

// script is a sink that does what the events' reasons say.
type script struct{ seen, kept []Event }

func (*script) Info() Info {
	return Info{Name: "script", Sink: SinkTraits{Idempotency: Keyed, MaxEvents: 7, MaxBytes: 8, WriteTimeout: time.Second}}
}
func (*script) Open(context.Context, *struct{}) error { return nil }
func (*script) Close(context.Context) error           { return errors.New("not today") }

func (s *script) Write(_ context.Context, in []Event, out *Results) error {
	s.seen, s.kept = append([]Event(nil), in...), in
	for i := range in {
		switch in[i].ErrorReason {
		case "panic":
			panic("cannot write")
		case "error":
			return errors.New("lost")
		case "failure":
			return &Failure{Class: Throttled, Code: "429", Err: errors.New("slow down"), Wait: time.Minute}
		case "retry":
			out.Retry(i, errors.New("busy"), time.Second)
		case "unknown":
			out.Unknown(i, nil)
		case "reject":
			out.Reject(i, "too_long", errors.New("too long"))
		case "duplicate":
			out.Duplicate(i)
		case "elsewhere":
			out.Retry(len(in), nil, 0)
		case "before":
			out.Retry(-1, nil, 0)
		case "batch":
			out.Reject(i, out.BatchID(), errors.New(out.Pipeline()))
		}
	}
	return nil
}

// TestWriteKeepsNothing: a batch holds its own events and nothing of the one
// before it, larger or not and whatever became of that, and a sink that goes on
// using a batch after Write finds out.
func TestWriteKeepsNothing(t *testing.T) {
	t.Parallel()
	sink := &script{}
	server := &sinkServer[struct{}]{s: sink}
	write := func(events ...Event) error {
		var data []byte
		for i := range events {
			data = protowire.AppendBytes(protowire.AppendTag(data, 1, protowire.BytesType), events[i].AppendWire(nil))
		}
		_, err := server.Write(t.Context(), &wire.Frame{Data: data})
		return err
	}
	large := []Event{{MessageID: "m1", Sender: "s"}, {MessageID: "m2", SourcePayload: []byte("p")}, {MessageID: "m3", ErrorReason: "retry"}}
	large[0].SetAttr("a", "b")
	for _, batch := range [][]Event{large, {{Recipient: "r"}}, {{ErrorReason: "error"}, {Sender: "s"}}, large, large[:1]} {
		want := batch[0].ErrorReason == "error"
		if err := write(batch...); (err != nil) != want {
			t.Fatalf("got error %v, want one: %v", err, want)
		}
		if !reflect.DeepEqual(sink.seen, batch) {
			t.Errorf("the sink saw %+v, want %+v", sink.seen, batch)
		}
		for i := range sink.kept {
			if !reflect.ValueOf(sink.kept[i]).IsZero() {
				t.Errorf("event %d of the batch after Write: got %+v, want an empty one", i, sink.kept[i])
			}
		}
	}
}

func TestWriteOverTheWire(t *testing.T) {
	t.Parallel()
	sink := &script{}
	c := serveTypes(t, SinkType[struct{}](sink))
	write := func(reasons ...string) ([]Outcome, error) {
		var parts [][]byte
		for i, r := range reasons {
			e := Event{ID: ID{byte(i + 1)}, ErrorReason: r, MaybeWritten: i == 0}
			parts = append(parts, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), e.AppendWire(nil)))
		}
		return c.Write(t.Context(), parts, len(reasons), "batch-1", "pipe")
	}
	if err := c.CloseSink(t.Context()); err != nil {
		t.Errorf("Close before Open: %v", err)
	}
	if _, err := write("a"); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("Write before Open: %v", err)
	}
	if _, err := c.OpenSink(t.Context(), &wire.ConfigureRequest{Type: "script"}); err != nil {
		t.Fatal(err)
	}
	out, err := write("ok", "retry", "unknown", "reject", "duplicate", "batch")
	want := []Outcome{
		{}, {Kind: OutcomeRetry, Reason: "busy", Wait: time.Second}, {Kind: OutcomeUnknown},
		{Kind: OutcomeRejected, Code: "too_long", Reason: "too long"}, {Kind: OutcomeDuplicate},
		{Kind: OutcomeRejected, Code: "batch-1", Reason: "pipe"},
	}
	if err != nil || !reflect.DeepEqual(out, want) {
		t.Errorf("got %+v, %v, want %+v", out, err, want)
	}
	if len(sink.seen) != 6 || !sink.seen[0].MaybeWritten || sink.seen[1].MaybeWritten || sink.seen[5].ID != (ID{6}) {
		t.Errorf("the sink saw %+v", sink.seen)
	}
	for reason, want := range map[string]codes.Code{"panic": codes.Internal, "error": codes.Unknown} {
		if _, err := write("ok", reason); status.Code(err) != want {
			t.Errorf("%s: got %v, want %s", reason, err, want)
		}
	}
	for _, reason := range []string{"elsewhere", "before"} {
		if _, err := write("ok", reason); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, want ErrProtocol", reason, err)
		}
	}
	var f *Failure
	if _, err := write("retry", "failure"); !errors.As(err, &f) || f.Class != Throttled || f.Wait != time.Minute || f.Code != "429" {
		t.Errorf("failure: got %v", err)
	}
	if _, err := c.Write(t.Context(), [][]byte{{0x0a, 1, 0x80}}, 1, "b", "p"); status.Code(err) != codes.InvalidArgument {
		t.Errorf("garbage: %v", err)
	}
	if err := c.CloseSink(t.Context()); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("Close: %v", err)
	}
}

func TestFailureText(t *testing.T) {
	t.Parallel()
	inner := errors.New("inner")
	f := &Failure{Class: AuthFailed, Code: "401", Err: inner}
	if f.Error() != "auth (401): inner" || !errors.Is(f, inner) || (&Failure{Class: Transient}).Error() != "transient" {
		t.Errorf("got %q", f)
	}
	if w := wireFailure(inner); w.Class != "transient" || w.Reason != "inner" {
		t.Errorf("another error: %v", w)
	}
}
