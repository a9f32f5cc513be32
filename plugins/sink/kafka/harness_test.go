package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// deadline bounds everything that a test waits for.
const deadline = 20 * time.Second

// plugin is the sink as core sees it: over gRPC.
type plugin struct {
	t      *testing.T
	client *sdk.Client
}

func servePlugin(t *testing.T) *plugin {
	t.Helper()
	return serveSink(t, newSink(time.Now))
}

func serveSink(t *testing.T, s *sink) *plugin {
	t.Helper()
	p, err := sdk.NewServer("kafka", sdk.Version, sdk.SinkType[Config](s))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(wire.ServerOptions()...)
	p.Register(srv)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(ln)
	}()
	cc, err := grpc.NewClient(ln.Addr().String(), append(wire.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	client := sdk.NewClient(cc)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := client.CloseSink(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		_ = cc.Close()
		srv.Stop()
		<-served
	})
	return &plugin{t, client}
}

// args are a block's arguments.
type args map[string]any

func with(a args, more args) args {
	out := maps.Clone(a)
	maps.Copy(out, more)
	return out
}

// open returns what Open said: diagnostics as text, and the failure.
func (p *plugin) open(a args) ([]*wire.Diagnostic, error) {
	p.t.Helper()
	cfg, err := json.Marshal(a)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	res, err := p.client.OpenSink(ctx, &wire.ConfigureRequest{Type: "kafka", ConfigJson: cfg})
	if err != nil {
		p.t.Fatalf("Open: %v", err)
	}
	return res.Diagnostics, sdk.OpenFailure(res)
}

// check returns the diagnostics of a configuration that is only looked at.
func (p *plugin) check(a args) []*wire.Diagnostic {
	p.t.Helper()
	cfg, err := json.Marshal(a)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	res, err := p.client.OpenSink(ctx, &wire.ConfigureRequest{Type: "kafka", ConfigJson: cfg, CheckOnly: true})
	if err != nil {
		p.t.Fatalf("Check: %v", err)
	}
	if err := sdk.OpenFailure(res); err != nil {
		p.t.Fatalf("Check: %v", err)
	}
	return res.Diagnostics
}

func (p *plugin) mustOpen(a args) *plugin {
	p.t.Helper()
	diags, err := p.open(a)
	if err != nil {
		p.t.Fatalf("Open: %v", err)
	}
	for _, d := range diags {
		if d.Severity != wire.Diagnostic_SEVERITY_WARNING {
			p.t.Fatalf("Open: %s: %s", d.Path, d.Summary)
		}
	}
	return p
}

func (p *plugin) write(events []sdk.Event) ([]sdk.Outcome, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	return p.writeCtx(ctx, events)
}

func (p *plugin) writeCtx(ctx context.Context, events []sdk.Event) ([]sdk.Outcome, error) {
	var parts [][]byte
	for i := range events {
		b := protowire.AppendTag(nil, 1, protowire.BytesType)
		parts = append(parts, protowire.AppendBytes(b, events[i].AppendWire(nil)))
	}
	return p.client.Write(ctx, parts, len(events), "batch", "test")
}

// mustWrite wants the same outcome for all events.
func (p *plugin) mustWrite(events []sdk.Event, want sdk.OutcomeKind) []sdk.Outcome {
	p.t.Helper()
	out, err := p.write(events)
	if err != nil {
		p.t.Fatalf("Write: %v", err)
	}
	for i, o := range out {
		if o.Kind != want {
			p.t.Fatalf("outcome of event %d of %d: got %s (%s), want %s", i, len(out), kindName(o.Kind), o.Reason, kindName(want))
		}
	}
	return out
}

// deliver does as core does: it sends again what is to be retried, until nothing
// is left. It returns how many times an event's outcome was unknown.
func (p *plugin) deliver(in []sdk.Event) (unknown int) {
	p.t.Helper()
	eventually(p.t, "all events are delivered", func() bool {
		out, err := p.write(in)
		if err != nil {
			p.t.Logf("Write: %v", err)
			return false
		}
		var rest []sdk.Event
		for i, o := range out {
			switch o.Kind {
			case sdk.OutcomeDone:
			case sdk.OutcomeUnknown:
				unknown++
				in[i].MaybeWritten = true
				rest = append(rest, in[i])
			case sdk.OutcomeRetry:
				rest = append(rest, in[i])
			default:
				p.t.Fatalf("event %s: got %s (%s)", in[i].ID, kindName(o.Kind), o.Reason)
			}
		}
		in = rest
		return len(in) == 0
	})
	return unknown
}

// wantFailure wants the batch to fail as a whole.
func wantFailure(t *testing.T, err error, class sdk.FailureClass, code string) *sdk.Failure {
	t.Helper()
	var f *sdk.Failure
	if !errors.As(err, &f) || f.Class != class || f.Code != code {
		t.Fatalf("got error %v, want a failure of class %s with code %s", err, class, code)
	}
	return f
}

func kindName(k sdk.OutcomeKind) string {
	return [...]string{"done", "duplicate", "retry", "unknown", "rejected"}[k]
}

// epoch lies in the past whatever the machine's clock says: a real broker
// refuses the future.
var epoch = time.Date(2024, 5, 1, 8, 0, 0, 123456000, time.UTC)

// event makes the i-th event of a test, of a customer of its own.
func event(i int) sdk.Event {
	e := sdk.Event{
		MessageID: fmt.Sprintf("msg-%d", i), CustomerID: fmt.Sprintf("customer-%d", i), Channel: sdk.SMS, Direction: sdk.Outbound,
		Type: sdk.Delivered, DeliveryStatus: sdk.StatusDelivered, Time: epoch.Add(time.Duration(i) * time.Millisecond),
		ReceivedAt: epoch.Add(time.Minute), Provider: "twilio", Source: "twilio.support", Recipient: "+15550001111",
		SourcePayload: []byte(`{"n": 1}`),
	}
	e.ID[0], e.ID[1], e.ID[14], e.ID[15] = 0xab, byte(i>>16), byte(i>>8), byte(i)
	return e
}

func events(n int) []sdk.Event {
	out := make([]sdk.Event, n)
	for i := range out {
		out[i] = event(i)
	}
	return out
}

// dump reads all of a topic with another client library, in order within each
// partition.
func dump(t *testing.T, topic string, opts ...kgo.Opt) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	// A long poll would keep its connection busy after we have all we want.
	opts = append(opts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := endOffsets(ctx, cl, topic)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, end := range ends {
		want += end
	}
	var out []*kgo.Record
	for int64(len(out)) < want {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("read back %s after %d of %d records: %v", topic, len(out), want, err)
		}
		out = append(out, f.Records()...)
	}
	return out
}

func endOffsets(ctx context.Context, cl *kgo.Client, topic string) (map[int32]int64, error) {
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	meta.Topics = append(meta.Topics, mt)
	m, err := meta.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("metadata of %s: %w", topic, err)
	}
	if err := kerr.ErrorForCode(m.Topics[0].ErrorCode); err != nil {
		return nil, fmt.Errorf("metadata of %s: %w", topic, err)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	lt := kmsg.NewListOffsetsRequestTopic()
	lt.Topic = topic
	for _, p := range m.Topics[0].Partitions {
		lp := kmsg.NewListOffsetsRequestTopicPartition()
		lp.Partition, lp.Timestamp = p.Partition, -1
		lt.Partitions = append(lt.Partitions, lp)
	}
	req.Topics = append(req.Topics, lt)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("offsets of %s: %w", topic, err)
	}
	out := map[int32]int64{}
	for _, p := range res.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return nil, fmt.Errorf("offsets of %s, partition %d: %w", topic, p.Partition, err)
		}
		out[p.Partition] = p.Offset
	}
	return out, nil
}

// ids returns the event ids in the records' headers.
func ids(records []*kgo.Record) []string {
	var out []string
	for _, r := range records {
		for _, h := range r.Headers {
			if h.Key == "pb_event_id" {
				out = append(out, string(h.Value))
			}
		}
	}
	return out
}
