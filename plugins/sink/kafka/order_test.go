package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// I5: after a failure in the middle of a partition's events nothing later of it
// is sent.
func TestNothingIsSentAfterAFailure(t *testing.T) {
	t.Parallel()
	c := fake(t)
	for _, tc := range []struct {
		err  *kerr.Error
		kind sdk.OutcomeKind
	}{{kerr.NotEnoughReplicas, sdk.OutcomeRetry}, {kerr.NetworkException, sdk.OutcomeUnknown}} {
		topic := c.topic(t, 1, nil)
		p := servePlugin(t).mustOpen(with(c.args(topic), args{"max_message_bytes": 2500, "compression": "none"}))
		seen := 0
		h := c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Err: tc.err, Count: -1, When: func(kmsg.Request) bool { seen++; return seen == 3 }})
		in := events(12)
		out, err := p.write(in)
		if err != nil {
			t.Fatal(err)
		}
		h.Remove()
		records := ids(c.dump(t, topic))
		failed := 0
		for i, o := range out {
			switch {
			case i < len(records) && o.Kind == sdk.OutcomeDone && records[i] == in[i].ID.String():
			case i >= len(records) && o.Kind == tc.kind && failed < 2 && !strings.Contains(o.Reason, "held back"):
				failed++
			case i >= len(records)+failed && o.Kind == sdk.OutcomeRetry && strings.Contains(o.Reason, "held back"):
			default:
				t.Errorf("%s: event %d with %d records: got %s (%s)", tc.err.Message, i, len(records), kindName(o.Kind), o.Reason)
			}
		}
		if seen != 3 || len(records) == 0 || failed == 0 {
			t.Errorf("%s: got %d requests, %d records and %d failed events, want 3, some and some", tc.err.Message, seen, len(records), failed)
		}
	}
}

// I5: the same while the record at fault is looked for.
func TestIsolationStopsAtAFailure(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(c.args(topic))
	c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Err: kerr.InvalidRecord}, kfake.Fault{Keys: produceKey, Topic: topic, Err: kerr.NotEnoughReplicas})
	for i, o := range p.mustWrite(events(8), sdk.OutcomeRetry) {
		if got, want := strings.Contains(o.Reason, "held back"), i >= 4; got != want {
			t.Errorf("event %d: got held back %v (%s), want %v", i, got, o.Reason, want)
		}
	}
	p.mustWrite(events(8), sdk.OutcomeDone)
	if got := len(c.dump(t, topic)); got != 8 {
		t.Errorf("got %d records, want 8", got)
	}
}

// I5: a message whose events have different keys spans partitions; its later
// events wait for the earlier ones all the same.
func TestOrderAcrossPartitions(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 4, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"key": "event_id"}))
	in := events(40)
	first := -1
	for i := range in {
		in[i].MessageID = "one message"
		if first < 0 && partitionOf([]byte(in[i].ID.String()), 4) == 2 {
			first = i
		}
	}
	c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Partitions: []int32{2}, Err: kerr.NotEnoughReplicas, Count: -1})
	out, err := p.write(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		want := sdk.OutcomeDone
		if i >= first {
			want = sdk.OutcomeRetry
		}
		if o.Kind != want {
			t.Errorf("event %d, first of the failing partition is %d: got %s (%s), want %s", i, first, kindName(o.Kind), o.Reason, kindName(want))
		}
	}
	if got := len(c.dump(t, topic)); got != first {
		t.Errorf("got %d records, want %d", got, first)
	}
}

// I5: a partition that failed takes no later event either, even one whose
// message had to wait for another partition.
func TestOrderAcrossRounds(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 2, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"key": "event_id"}))
	var in []sdk.Event
	for i := 0; len(in) < 3; i++ { // partitions 0, 1, 0
		if e := event(i); partitionOf([]byte(e.ID.String()), 2) == len(in)%2 {
			in = append(in, e)
		}
	}
	in[2].MessageID = in[1].MessageID
	c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Partitions: []int32{0}, Err: kerr.NotEnoughReplicas})
	out, err := p.write(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []sdk.OutcomeKind{sdk.OutcomeRetry, sdk.OutcomeDone, sdk.OutcomeRetry} {
		if out[i].Kind != want {
			t.Errorf("event %d: got %s (%s), want %s", i, kindName(out[i].Kind), out[i].Reason, kindName(want))
		}
	}
}

// Whatever happens in between, each event arrives, and each message's events
// arrive in order, if their first arrivals are looked at (I4, I5).
func TestOrderUnderFaults(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, seed))
			topic := c.topic(t, 5, nil)
			key := []string{"auto", "event_id"}[seed%2]
			p := servePlugin(t).mustOpen(with(c.args(topic), args{"max_message_bytes": 4000, "key": key}))
			causes := []*kerr.Error{
				kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.NetworkException, kerr.ThrottlingQuotaExceeded,
			}
			for range 12 {
				c.Fault(kfake.Fault{
					Keys: produceKey, Topic: topic, Partitions: []int32{rng.Int32N(5)}, Err: causes[rng.IntN(len(causes))], Count: 1 + rng.IntN(2),
				})
			}
			in := events(150)
			for i := range in {
				in[i].MessageID = fmt.Sprint("message ", rng.IntN(40))
				in[i].CustomerID = in[i].MessageID
			}
			message := map[string]string{}
			want := map[string][]string{}
			for _, e := range in {
				id := e.ID.String()
				message[id] = e.MessageID
				want[e.MessageID] = append(want[e.MessageID], id)
			}
			unknown := p.deliver(in)
			seen := map[string]bool{}
			got := map[string][]string{}
			records := ids(c.dump(t, topic))
			for _, id := range records {
				if !seen[id] {
					seen[id] = true
					got[message[id]] = append(got[message[id]], id)
				}
			}
			if len(seen) != len(in) || len(records)-len(in) > unknown {
				t.Errorf("got %d events in %d records with %d unknown outcomes, want %d events", len(seen), len(records), unknown, len(in))
			}
			if key == "event_id" {
				return // the log doesn't tell the order across partitions
			}
			for m := range want {
				if fmt.Sprint(got[m]) != fmt.Sprint(want[m]) {
					t.Errorf("%s:\n got %v\nwant %v", m, got[m], want[m])
				}
			}
		})
	}
}
