package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is a cluster to run the table of contract tests against: the fake one
// in every run, a real one in test-real.
type broker struct {
	seeds []string
	login []kgo.Opt // how the reader authenticates
	// topic makes a topic with the given settings and returns its name.
	topic func(t *testing.T, partitions int, settings map[string]string) string
	// fresh returns the name of a topic that does not exist.
	fresh func(t *testing.T) string
}

func (b *broker) args(topic string) args { return args{"brokers": b.seeds, "topic": topic} }

func (b *broker) dump(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	return dump(t, topic, append(b.login, kgo.SeedBrokers(b.seeds...))...)
}

// testContract is what the sink owes any broker.
func testContract(t *testing.T, b *broker) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run("records/"+codec, func(t *testing.T) { t.Parallel(); testRecords(t, b, codec) })
	}
	t.Run("payload omitted", func(t *testing.T) { t.Parallel(); testPayloadOmitted(t, b) })
	t.Run("too large", func(t *testing.T) { t.Parallel(); testTooLarge(t, b) })
	t.Run("broker says too large", func(t *testing.T) { t.Parallel(); testBrokerSaysTooLarge(t, b) })
	t.Run("many requests", func(t *testing.T) { t.Parallel(); testManyRequests(t, b) })
	t.Run("timestamps", func(t *testing.T) { t.Parallel(); testTimestamps(t, b) })
	t.Run("topic missing", func(t *testing.T) { t.Parallel(); testTopicMissing(t, b) })
	t.Run("topic created", func(t *testing.T) { t.Parallel(); testTopicCreated(t, b) })
	t.Run("nothing listens", func(t *testing.T) { t.Parallel(); testNothingListens(t, b) })
}

func testRecords(t *testing.T, b *broker, codec string) {
	const partitions = 5
	topic := b.topic(t, partitions, nil)
	p := servePlugin(t).mustOpen(with(b.args(topic), args{"compression": codec}))
	in := events(200)
	in[7].CustomerID, in[7].ConversationID, in[7].MessageID = "", "", "" // falls back to event_id
	p.mustWrite(in, sdk.OutcomeDone)
	p.mustWrite(in[:0], sdk.OutcomeDone)

	byID := map[string]*sdk.Event{}
	for i := range in {
		byID[in[i].ID.String()] = &in[i]
	}
	got := b.dump(t, topic)
	if len(got) != len(in) {
		t.Fatalf("got %d records, want %d", len(got), len(in))
	}
	// The other library's partitioner, as an independent opinion.
	opinion := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	for _, r := range got {
		h := map[string]string{}
		for _, x := range r.Headers {
			h[x.Key] = string(x.Value)
		}
		e := byID[h["pb_event_id"]]
		if e == nil {
			t.Fatalf("record of an unknown event: %v", h)
		}
		delete(byID, h["pb_event_id"])
		key := keyOf(e, "auto")
		if string(r.Key) != key || h["ce_partitionkey"] != key {
			t.Errorf("key: got %q, ce_partitionkey %q, want %q", r.Key, h["ce_partitionkey"], key)
		}
		if want := opinion.Partition(&kgo.Record{Key: []byte(key)}, partitions); int(r.Partition) != want {
			t.Errorf("key %q: got partition %d, want %d", key, r.Partition, want)
		}
		if want := e.AppendJSON(nil); !bytes.Equal(r.Value, want) {
			t.Errorf("value:\n got %s\nwant %s", r.Value, want)
		}
		if got, want := r.Timestamp.UnixMilli(), e.Time.UnixMilli(); got != want {
			t.Errorf("timestamp: got %d, want %d", got, want)
		}
		if want := attrsCodec[codec]; r.Attrs.CompressionType() != want {
			t.Errorf("compression: got %d, want %d", r.Attrs.CompressionType(), want)
		}
	}
	if len(byID) != 0 {
		t.Errorf("%d events have no record", len(byID))
	}
}

var attrsCodec = map[string]uint8{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

func testPayloadOmitted(t *testing.T, b *broker) {
	topic := b.topic(t, 1, nil)
	servePlugin(t).mustOpen(with(b.args(topic), args{"payload": "omit"})).mustWrite(events(1), sdk.OutcomeDone)
	got := b.dump(t, topic)
	if len(got) != 1 || bytes.Contains(got[0].Value, []byte("source_payload")) || !bytes.Contains(got[0].Value, []byte(`"message_id":"msg-0"`)) {
		t.Errorf("got %d records, want one without source_payload: %s", len(got), got[0].Value)
	}
}

// noise does not compress well.
func noise(n int) []byte {
	out := make([]byte, n)
	x := uint32(2463534242)
	for i := range out {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out[i] = 'a' + byte(x%26)
	}
	return out
}

func testTooLarge(t *testing.T, b *broker) {
	topic := b.topic(t, 2, nil)
	p := servePlugin(t).mustOpen(with(b.args(topic), args{"max_message_bytes": 20000}))
	in := events(9)
	in[4].SourcePayload = noise(20000)
	out, err := p.write(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		want := sdk.Outcome{}
		if i == 4 {
			want = sdk.Outcome{Kind: sdk.OutcomeRejected, Code: "message_too_large"}
		}
		if o.Kind != want.Kind || o.Code != want.Code {
			t.Errorf("event %d: got %s %q (%s), want %s %q", i, kindName(o.Kind), o.Code, o.Reason, kindName(want.Kind), want.Code)
		}
	}
	if n := len(b.dump(t, topic)); n != 8 {
		t.Errorf("got %d records, want 8", n)
	}
}

// The broker refuses what our own limit let pass: only the record at fault is
// rejected, and order holds around it (I5).
func testBrokerSaysTooLarge(t *testing.T, b *broker) {
	topic := b.topic(t, 1, map[string]string{"max.message.bytes": "20000"})
	p := servePlugin(t).mustOpen(with(b.args(topic), args{"compression": "none"}))
	in := events(12)
	in[3].SourcePayload = noise(30000)
	in[11].SourcePayload = noise(25000)
	out, err := p.write(in)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, o := range out {
		if i == 3 || i == 11 {
			if o.Kind != sdk.OutcomeRejected || o.Code != "message_too_large" {
				t.Errorf("event %d: got %s %q, want rejected message_too_large", i, kindName(o.Kind), o.Code)
			}
			continue
		}
		if o.Kind != sdk.OutcomeDone {
			t.Errorf("event %d: got %s (%s), want done", i, kindName(o.Kind), o.Reason)
		}
		want = append(want, in[i].ID.String())
	}
	if got := ids(b.dump(t, topic)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("records:\n got %v\nwant %v", got, want)
	}
}

// A partition's events need more than one request: order holds across them (I5).
func testManyRequests(t *testing.T, b *broker) {
	topic := b.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(with(b.args(topic), args{"max_message_bytes": 5000}))
	in := events(50)
	p.mustWrite(in, sdk.OutcomeDone)
	var want []string
	for i := range in {
		want = append(want, in[i].ID.String())
	}
	if got := ids(b.dump(t, topic)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("records:\n got %v\nwant %v", got, want)
	}
}

// A provider's clock that is wrong by centuries spoils neither its own event
// nor the others of the batch.
func testTimestamps(t *testing.T, b *broker) {
	topic := b.topic(t, 1, nil)
	in := events(5)
	in[1].Time = epoch.AddDate(400, 0, 0)
	in[2].Time = epoch.AddDate(-400, 0, 0)
	in[3].Time = epoch.AddDate(0, 0, 2)
	p := servePlugin(t).mustOpen(b.args(topic))
	p.mustWrite(in, sdk.OutcomeDone)
	received := in[0].ReceivedAt.UnixMilli()
	want := []int64{in[0].Time.UnixMilli(), received, received, received, in[4].Time.UnixMilli()}
	var got []int64
	for _, r := range b.dump(t, topic) {
		got = append(got, r.Timestamp.UnixMilli())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("timestamps: got %v, want %v", got, want)
	}
}

func testTopicMissing(t *testing.T, b *broker) {
	_, err := servePlugin(t).open(b.args(b.fresh(t)))
	f := wantFailure(t, err, sdk.Misconfigured, "unknown_topic")
	if want := "create_topic"; !strings.Contains(f.Err.Error(), want) {
		t.Errorf("got %q, want it to mention %s", f.Err, want)
	}
}

func testTopicCreated(t *testing.T, b *broker) {
	a := b.args(b.fresh(t))
	a["create_topic"] = args{"partitions": 3, "replication_factor": 1, "retention": "24h"}
	servePlugin(t).mustOpen(a)
	p := servePlugin(t).mustOpen(a) // it exists now, which is no error
	p.deliver(events(60))           // its leaders may still be starting
	seen := map[int32]bool{}
	for _, r := range b.dump(t, a["topic"].(string)) {
		seen[r.Partition] = true
	}
	var got []int
	for n := range seen {
		got = append(got, int(n))
	}
	if sort.Ints(got); fmt.Sprint(got) != "[0 1 2]" {
		t.Errorf("records in partitions %v, want [0 1 2]", got)
	}
}

// The first address is dead: the second is used.
func testNothingListens(t *testing.T, b *broker) {
	topic := b.topic(t, 1, nil)
	a := b.args(topic)
	a["brokers"] = append([]string{"127.0.0.1:1"}, b.seeds...)
	servePlugin(t).mustOpen(a).mustWrite(events(3), sdk.OutcomeDone)
	a["brokers"] = []string{"127.0.0.1:1"}
	_, err := servePlugin(t).open(a)
	wantFailure(t, err, sdk.Transient, "connection")
}
