package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// The expected values are those of Kafka's own test of its hash
// (org.apache.kafka.common.utils.UtilsTest).
func TestMurmur2Vectors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(in))); got != want {
			t.Errorf("murmur2(%q): got %d, want %d", in, got, want)
		}
	}
}

// Two other libraries' ports of the Java partitioner agree with ours.
func TestPartitionOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "key")
		n := rapid.IntRange(1, 300).Draw(t, "partitions")
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		got := partitionOf(key, n)
		if want := (kafka.Murmur2Balancer{}).Balance(kafka.Message{Key: key}, all...); got != want {
			t.Errorf("key %x: got %d, kafka-go says %d", key, got, want)
		}
		if want := kgo.StickyKeyPartitioner(nil).ForTopic("t").Partition(&kgo.Record{Key: key}, n); got != want {
			t.Errorf("key %x: got %d, franz-go says %d", key, got, want)
		}
	})
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	e := event(1)
	e.ConversationID = "conv"
	id := e.ID.String()
	for field, want := range map[string]string{
		"auto": "customer-1", "customer_id": "customer-1", "conversation_id": "conv", "message_id": "msg-1", "recipient": "+15550001111", "event_id": id,
	} {
		if got := keyOf(&e, field); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
		bare := sdk.Event{ID: e.ID}
		if got := keyOf(&bare, field); got != id {
			t.Errorf("%s of a bare event: got %q, want %q", field, got, id)
		}
	}
	e.CustomerID = ""
	if got := keyOf(&e, "auto"); got != "conv" {
		t.Errorf("auto without customer: got %q, want conv", got)
	}
	e.ConversationID = ""
	if got := keyOf(&e, "auto"); got != "msg-1" {
		t.Errorf("auto without conversation: got %q, want msg-1", got)
	}
}

func TestMessageGolden(t *testing.T) {
	t.Parallel()
	e := event(1)
	e.SetAttr("region", "eu")
	var out bytes.Buffer
	for _, e := range []sdk.Event{e, {ID: e.ID, Source: "acme.raw"}} {
		m := newMessage(&e, "auto", true)
		fmt.Fprintf(&out, "time: %s\nkey: %s\n", m.time.UTC().Format(time.RFC3339Nano), m.key)
		for _, h := range m.headers {
			fmt.Fprintf(&out, "%s: %s\n", h.Key, h.Value)
		}
		fmt.Fprintf(&out, "\n%s\n\n", m.value)
	}
	file := filepath.Join("testdata", "message.golden")
	if flag.Lookup("update").Value.String() == "true" { // the flag is package sdktest's
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.Bytes(), want)
	}
}

// encode returns the batch as it goes over the wire.
func encode(t interface{ Fatal(...any) }, ms []*message) []byte {
	set := protocol.RecordSet{Version: 2, Records: records(ms)}
	var b bytes.Buffer
	if _, err := set.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[4:] // without the length in front
}

// A batch never exceeds what upperBound promised, or the broker refuses it.
func TestUpperBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 300, -1)
		var ms []*message
		want := batchOverhead
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			e := sdk.Event{
				MessageID: text.Draw(t, "message"), CustomerID: text.Draw(t, "customer"), Source: text.Draw(t, "source"),
				Time: time.UnixMicro(rapid.Int64().Draw(t, "time")), ReceivedAt: time.UnixMicro(rapid.Int64().Draw(t, "received")),
				SourcePayload: rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "payload"),
			}
			m := newMessage(&e, "auto", true)
			want += m.size
			ms = append(ms, m)
		}
		if got := len(encode(t, ms)); got > want {
			t.Errorf("batch of %d: got %d bytes, want at most %d", len(ms), got, want)
		}
	})
}

// FuzzMessage: no event, however odd, makes a message without key or value, or a
// value that is not JSON.
func FuzzMessage(f *testing.F) {
	f.Add("m", "c", "twilio.support", int64(1), int64(2), []byte("{}"), uint8(4))
	f.Add("", "", "", int64(-1<<63), int64(1<<63-1), []byte{0xff}, uint8(255))
	f.Fuzz(func(t *testing.T, messageID, customer, source string, at, received int64, payload []byte, typ uint8) {
		e := sdk.Event{
			MessageID: messageID, CustomerID: customer, Source: source, Type: sdk.EventType(typ), SourcePayload: payload,
			Time: time.UnixMicro(at), ReceivedAt: time.UnixMicro(received),
		}
		m := newMessage(&e, "auto", true)
		if len(m.key) == 0 || !json.Valid(m.value) {
			t.Errorf("key %q, value %q", m.key, m.value)
		}
		if got, want := len(encode(t, []*message{m})), batchOverhead+m.size; got > want {
			t.Errorf("got %d bytes, want at most %d", got, want)
		}
		for _, h := range m.headers {
			if len(h.Value) == 0 {
				t.Errorf("header %s is empty", h.Key)
			}
		}
	})
}

// A plan keeps every event once, order within partitions, and never has two
// partitions' events of one message in the same round (I5).
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "events")
		partitions := rapid.IntRange(1, 8).Draw(t, "partitions")
		es := make([]sdk.Event, n)
		ms := make([]*message, n)
		skipped := 0
		for i := range es {
			es[i].MessageID = rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "message")
			if rapid.IntRange(0, 9).Draw(t, "skip") == 0 {
				skipped++
				continue
			}
			ms[i] = &message{key: rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "key")}
		}
		type place struct{ round, pos int }
		at := map[int]place{}
		pos := 0
		for round, lanes := range plan(es, ms, partitions) {
			seen := map[int]bool{}
			for _, l := range lanes {
				if seen[l.partition] || len(l.events) == 0 {
					t.Fatalf("round %d: partition %d twice, or without events", round, l.partition)
				}
				seen[l.partition] = true
				for _, i := range l.events {
					if got := partitionOf(ms[i].key, partitions); got != l.partition {
						t.Fatalf("event %d: in lane %d, want %d", i, l.partition, got)
					}
					if _, dup := at[i]; dup {
						t.Fatalf("event %d twice", i)
					}
					at[i] = place{round, pos}
					pos++
				}
			}
		}
		if len(at) != n-skipped {
			t.Fatalf("got %d events, want %d", len(at), n-skipped)
		}
		for i := range es {
			for j := i + 1; j < n; j++ {
				if ms[i] == nil || ms[j] == nil {
					continue
				}
				same := partitionOf(ms[i].key, partitions) == partitionOf(ms[j].key, partitions)
				if same && at[i].pos > at[j].pos {
					t.Errorf("events %d and %d of one partition: got places %v and %v", i, j, at[i], at[j])
				}
				if id := es[i].MessageID; !same && id != "" && id == es[j].MessageID && at[i].round >= at[j].round {
					t.Errorf("events %d and %d of message %s: got rounds %d and %d", i, j, id, at[i].round, at[j].round)
				}
			}
		}
	})
}

func TestClassify(t *testing.T) {
	t.Parallel()
	notSent := func(err error) error { return &notSentError{err} }
	for _, tc := range []struct {
		name  string
		err   error
		kind  kind
		class sdk.FailureClass
		code  string
		stale bool
	}{
		{name: "none", kind: done},
		{name: "lost after the request", err: io.EOF, kind: unknown, code: "connection", stale: true},
		{name: "lost before", err: notSent(io.EOF), kind: retry, code: "connection", stale: true},
		{name: "timeout after the request", err: context.DeadlineExceeded, kind: unknown, code: "timeout", stale: true},
		{name: "timeout while connecting", err: notSent(os.ErrDeadlineExceeded), kind: retry, code: "timeout", stale: true},
		{name: "cancelled", err: notSent(context.Canceled), kind: retry, code: "canceled", stale: true},
		{name: "garbled answer", err: errors.New("correlation id mismatch"), kind: unknown, code: "connection", stale: true},
		{name: "refused login", err: notSent(&authError{io.EOF}), kind: retry, class: sdk.AuthFailed, code: "sasl_authentication_failed"},
		{name: "mechanism", err: notSent(kafka.UnsupportedSASLMechanism), kind: retry, class: sdk.Misconfigured, code: "unsupported_sasl_mechanism"},
		{name: "no topic", err: fmt.Errorf("x: %w", errNoTopic), kind: retry, class: sdk.Misconfigured, code: "unknown_topic", stale: true},
		{name: "an error of the future", err: kafka.Error(4711), kind: unknown, code: "kafka_error_4711", stale: true},
		{name: "wrapped by the client", err: fmt.Errorf("kafka.(*Client).Produce: %w", fmt.Errorf("%w: text", kafka.NotEnoughReplicas)), kind: retry, code: "not_enough_replicas"},
	} {
		v := classify(tc.err)
		if v.kind != tc.kind || v.class != tc.class || v.code != tc.code || v.stale != tc.stale {
			t.Errorf("%s: got %+v, want %+v", tc.name, v, tc)
		}
	}
	for code, v := range errorTable {
		if v.kind == done || v.kind == held || v.class != "" && v.kind != retry || v.kind == isolate && v.code == "" {
			t.Errorf("%v: %+v makes no sense", code, v)
		}
		if name := codeName(code); strings.ContainsAny(name, " -") {
			t.Errorf("%d has no usable name: %q", int(code), name)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := args{"brokers": []string{"kafka-1:9092", "[::1]:9093"}, "topic": "messaging.events"}
	login := args{"mechanism": "plain", "username": "u", "password": "p"}
	for _, tc := range []struct {
		name string
		args args
		want []string // paths of the problems
	}{
		{name: "good", args: good},
		{name: "empty", args: args{}, want: []string{"brokers", "topic"}},
		{name: "no brokers", args: with(good, args{"brokers": []string{}}), want: []string{"brokers"}},
		{name: "addresses", args: with(good, args{"brokers": []string{"kafka", "k:1", ":9092", "k:0", "k:65536", "k:http", "http://k:9092"}}),
			want: []string{"brokers.0", "brokers.2", "brokers.3", "brokers.4", "brokers.5", "brokers.6"}},
		{name: "topic dots", args: with(good, args{"topic": ".."}), want: []string{"topic"}},
		{name: "topic space", args: with(good, args{"topic": "a b"}), want: []string{"topic"}},
		{name: "topic long", args: with(good, args{"topic": strings.Repeat("x", 250)}), want: []string{"topic"}},
		{name: "enums", args: with(good, args{"key": "sender", "level": "exactly_once", "compression": "brotli", "format": "avro", "payload": "maybe"}),
			want: []string{"key", "level", "format", "payload", "compression"}},
		{name: "ranges", args: with(good, args{"timeout": "26s", "max_message_bytes": 1023}), want: []string{"timeout", "max_message_bytes"}},
		{name: "acks", args: with(good, args{"acks": "1"}), want: []string{"acks"}},
		{name: "empty login", args: with(good, args{"tls": args{}, "sasl": with(login, args{"password": ""})}), want: []string{"sasl"}},
		{name: "plain without tls", args: with(good, args{"sasl": login}), want: []string{"sasl.mechanism"}},
		{name: "plain with tls", args: with(good, args{"tls": args{}, "sasl": login})},
		{name: "half a certificate", args: with(good, args{"tls": args{"cert_file": "c.pem"}}), want: []string{"tls"}},
		{name: "not verified", args: with(good, args{"tls": args{"insecure_skip_verify": true}}), want: []string{"tls.insecure_skip_verify"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, d := range servePlugin(t).check(tc.args) {
				got = append(got, d.Path)
				if d.Summary == "" || strings.HasSuffix(d.Summary, ".") {
					t.Errorf("%s: summary %q", d.Path, d.Summary)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got problems at %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSCRAMRefusesOddNames(t *testing.T) {
	t.Parallel()
	_, err := (&SASL{Mechanism: "scram-sha-512", Username: "u\x00", Password: "hunter\x07"}).mechanism()
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func TestClosedTransport(t *testing.T) {
	t.Parallel()
	c := fake(t)
	tr := &transport{dial: new(net.Dialer).DialContext}
	held, err := tr.acquire(t.Context(), c.seeds)
	if err != nil {
		t.Fatal(err)
	}
	tr.Close()
	tr.release(held)
	if alive(held.raw) {
		t.Error("a connection given back after Close stays open")
	}
	var notSent *notSentError
	if _, err := tr.RoundTrip(t.Context(), kafka.TCP(c.seeds...), nil); !errors.Is(err, errClosed) || !errors.As(err, &notSent) {
		t.Errorf("got %v, want %v, not sent", err, errClosed)
	}
}

func TestWriteBeforeOpen(t *testing.T) {
	t.Parallel()
	var out sdk.Results
	if err := newSink(time.Now).Write(t.Context(), events(1), &out); err == nil {
		t.Error("Write before Open: got no error")
	}
}
