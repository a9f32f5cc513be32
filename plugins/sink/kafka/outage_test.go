package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var produceKey = []kmsg.Key{kmsg.Produce}

// Each error that a broker may answer, what becomes of the events, and what is
// in the topic afterwards.
func TestBrokerErrors(t *testing.T) {
	t.Parallel()
	c := fake(t)
	for _, tc := range []struct {
		err   *kerr.Error
		kind  sdk.OutcomeKind
		class sdk.FailureClass // if the batch fails as a whole
		code  string
		wrote bool // the broker appends nevertheless
	}{
		{err: kerr.NotLeaderForPartition, kind: sdk.OutcomeRetry},
		{err: kerr.LeaderNotAvailable, kind: sdk.OutcomeRetry},
		{err: kerr.FencedLeaderEpoch, kind: sdk.OutcomeRetry},
		{err: kerr.UnknownTopicOrPartition, kind: sdk.OutcomeRetry}, // metadata still has it
		{err: kerr.NotEnoughReplicas, kind: sdk.OutcomeRetry},
		{err: kerr.CorruptMessage, kind: sdk.OutcomeRetry},
		{err: kerr.NotEnoughReplicasAfterAppend, kind: sdk.OutcomeUnknown, wrote: true},
		{err: kerr.RequestTimedOut, kind: sdk.OutcomeUnknown, wrote: true},
		{err: kerr.NetworkException, kind: sdk.OutcomeUnknown},
		{err: kerr.KafkaStorageError, kind: sdk.OutcomeUnknown},
		{err: kerr.UnknownServerError, kind: sdk.OutcomeUnknown},
		{err: kerr.DuplicateSequenceNumber, kind: sdk.OutcomeUnknown}, // makes no sense without a producer id
		{err: kerr.MessageTooLarge, kind: sdk.OutcomeRejected, code: "message_too_large"},
		{err: kerr.RecordListTooLarge, kind: sdk.OutcomeRejected, code: "message_too_large"},
		{err: kerr.InvalidTimestamp, kind: sdk.OutcomeRejected, code: "invalid_timestamp"},
		{err: kerr.InvalidRecord, kind: sdk.OutcomeRejected, code: "invalid_record"},
		{err: kerr.TopicAuthorizationFailed, class: sdk.Misconfigured, code: "topic_authorization_failed"},
		{err: kerr.ClusterAuthorizationFailed, class: sdk.Misconfigured, code: "cluster_authorization_failed"},
		{err: kerr.PolicyViolation, class: sdk.Misconfigured, code: "policy_violation"},
		{err: kerr.UnsupportedCompressionType, class: sdk.Misconfigured, code: "unsupported_compression_type"},
		{err: kerr.SaslAuthenticationFailed, class: sdk.AuthFailed, code: "sasl_authentication_failed"},
		{err: kerr.ThrottlingQuotaExceeded, class: sdk.Throttled, code: "throttling_quota_exceeded"},
	} {
		t.Run(tc.err.Message, func(t *testing.T) {
			t.Parallel()
			topic := c.topic(t, 1, nil)
			p := servePlugin(t).mustOpen(c.args(topic))
			h := c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Err: tc.err, Count: -1})
			in := events(1)
			out, err := p.write(in)
			if tc.class != "" {
				wantFailure(t, err, tc.class, tc.code)
			} else if err != nil {
				t.Fatal(err)
			} else if out[0].Kind != tc.kind || out[0].Code != tc.code {
				t.Errorf("got %s %q (%s), want %s %q", kindName(out[0].Kind), out[0].Code, out[0].Reason, kindName(tc.kind), tc.code)
			}
			h.Remove()
			if got, want := len(c.dump(t, topic)), map[bool]int{true: 1}[tc.wrote]; got != want {
				t.Errorf("records after the error: got %d, want %d", got, want)
			}
			p.mustWrite(in, sdk.OutcomeDone)
		})
	}
}

// One partition fails and the others go on; the class of its failure does not
// make the rest of the batch repeat.
func TestOnePartitionFails(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 2, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"max_message_bytes": 3000}))
	c.Fault(kfake.Fault{Keys: produceKey, Topic: topic, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	in := events(40)
	out, err := p.write(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		want := sdk.OutcomeDone
		if partitionOf([]byte(in[i].CustomerID), 2) == 1 {
			want = sdk.OutcomeRetry
		}
		if o.Kind != want {
			t.Errorf("event %d: got %s (%s), want %s", i, kindName(o.Kind), o.Reason, kindName(want))
		}
	}
}

// A broker that cannot be reached is tried by the lanes under way and no other.
func TestUnreachableBrokerIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := fake(t)
	s := newSink(time.Now)
	var dials atomic.Int64
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	p := serveSink(t, s).mustOpen(c.args(c.topic(t, 100, nil)))
	c.proxies[0].stop()
	dials.Store(0)
	p.mustWrite(events(500), sdk.OutcomeRetry)
	if got := dials.Load(); got < 1 || got > maxInFlight {
		t.Errorf("got %d attempts to connect, want 1 to %d", got, maxInFlight)
	}
}

// leaderless says that the topic's one partition has no leader, in answer to the
// metadata requests number from to number to, counted from 1.
func leaderless(c *fakeCluster, topic string, from, to int) {
	seen := 0
	c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.MetadataRequest)
		if len(req.Topics) != 1 || *req.Topics[0].Topic != topic {
			return nil, nil, false
		}
		if seen++; seen < from || seen > to {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.MetadataResponse)
		mt, mp := kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopicPartition()
		mp.Leader, mp.ErrorCode = -1, kerr.LeaderNotAvailable.Code
		mt.Topic, mt.Partitions = &topic, append(mt.Partitions, mp)
		res.Topics = append(res.Topics, mt)
		return res, nil, true
	})
}

func TestPartitionWithoutLeader(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	leaderless(c, topic, 1, 2)
	p := servePlugin(t).mustOpen(c.args(topic))
	p.mustWrite(events(3), sdk.OutcomeRetry) // asks again next time
	p.mustWrite(events(3), sdk.OutcomeRetry)
	p.mustWrite(events(3), sdk.OutcomeDone)
}

// A topic that was just created is used when its partitions have leaders.
func TestCreationWaitsForLeaders(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.fresh(t)
	leaderless(c, topic, 2, 4) // the first says that it does not exist
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"create_topic": args{"partitions": 1}}))
	p.mustWrite(events(3), sdk.OutcomeDone)
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	clock := epoch
	s := newSink(func() time.Time { return clock }) // read between calls of Write only
	p := serveSink(t, s).mustOpen(c.args(topic))
	c.ControlKey(apiProduce, func(r kmsg.Request) (kmsg.Response, error, bool) {
		res := r.ResponseKind().(*kmsg.ProduceResponse)
		res.ThrottleMillis = 3000
		rt, rp := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		rt.Topic = topic
		rt.Partitions = append(rt.Partitions, rp)
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
	p.mustWrite(events(1), sdk.OutcomeDone)
	clock = clock.Add(time.Second)
	_, err := p.write(events(1))
	if f := wantFailure(t, err, sdk.Throttled, "throttled"); f.Wait != 2*time.Second {
		t.Errorf("wait: got %s, want 2s", f.Wait)
	}
	clock = clock.Add(2 * time.Second)
	p.mustWrite(events(1), sdk.OutcomeDone)
}

func TestLeaderMoves(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(c.args(topic))
	p.mustWrite(events(5), sdk.OutcomeDone)
	to := (c.LeaderFor(topic, 0) + 1) % 3
	if err := c.MoveTopicPartition(topic, 0, to); err != nil {
		t.Fatal(err)
	}
	p.mustWrite(events(5), sdk.OutcomeRetry)
	p.mustWrite(events(5), sdk.OutcomeDone)
	if got := len(c.dump(t, topic)); got != 10 {
		t.Errorf("got %d records, want 10", got)
	}
}

func TestTopicDeleted(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(c.args(topic))
	p.mustWrite(events(1), sdk.OutcomeDone)
	if err := c.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	p.mustWrite(events(1), sdk.OutcomeRetry)
	_, err := p.write(events(1))
	wantFailure(t, err, sdk.Misconfigured, "unknown_topic")
	if err := c.CreateTopic(topic, 2, nil); err != nil {
		t.Fatal(err)
	}
	p.mustWrite(events(4), sdk.OutcomeDone)
}

// F19: a broker goes away and comes back. Connections that broke while idle are
// noticed before anything is written to them, so nothing becomes a possible
// duplicate.
func TestBrokerDownAndBack(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 3, nil)
	p := servePlugin(t).mustOpen(c.args(topic))
	p.mustWrite(events(30), sdk.OutcomeDone)
	c.proxies[0].stop()
	for range 3 {
		p.mustWrite(events(30), sdk.OutcomeRetry)
	}
	c.proxies[0].start()
	p.mustWrite(events(30), sdk.OutcomeDone)
	c.proxies[0].stop()
	c.proxies[0].start()
	p.mustWrite(events(30), sdk.OutcomeDone)
	if got := len(c.dump(t, topic)); got != 90 {
		t.Errorf("got %d records, want 90", got)
	}
}

// F20: the broker appends, its answer is lost.
func TestConnectionCutAfterTheRequest(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(c.args(topic))
	c.proxies[0].onProduce(cutReply)
	p.mustWrite(events(5), sdk.OutcomeUnknown)
	c.proxies[0].on(nil)
	in := events(5)
	for i := range in {
		in[i].MaybeWritten = true
	}
	p.mustWrite(in, sdk.OutcomeDone)
	got := ids(c.dump(t, topic))
	var want []string
	for range 2 {
		for i := range in {
			want = append(want, in[i].ID.String())
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) { // at least once (I4), and the header tells the repeat
		t.Errorf("records:\n got %v\nwant %v", got, want)
	}
}

func TestBrokerDoesNotAnswer(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"timeout": "200ms"}))
	c.proxies[0].onProduce(swallow)
	p.mustWrite(events(5), sdk.OutcomeUnknown)
	c.proxies[0].on(func(int16) action { return swallow }) // now not even a handshake
	p.mustWrite(events(5), sdk.OutcomeRetry)
	c.proxies[0].on(nil)
	p.mustWrite(events(5), sdk.OutcomeDone)
	if got := len(c.dump(t, topic)); got != 5 {
		t.Errorf("got %d records, want 5", got)
	}
}

// What Write reports as not sent when its context ends is never delivered later.
func TestNothingIsDeliveredAfterTheContextEnded(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 2, nil)
	s := newSink(time.Now)
	cfg := &Config{
		Brokers: c.seeds, Topic: topic, Key: "auto", Payload: "include", Compression: "none", Timeout: deadline, MaxMessageBytes: 3000,
	}
	if err := s.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reached := make(chan struct{}, 16)
	c.proxies[0].on(func(apiKey int16) action {
		if apiKey != apiProduce {
			return forward
		}
		reached <- struct{}{}
		return stall
	})
	go func() {
		<-reached
		cancel()
	}()
	in := events(40)
	b := newBatch(s, in)
	b.run(ctx)
	maybe := 0
	for i := range b.verdicts {
		switch k := b.verdicts[i].kind; k {
		case unknown:
			maybe++
		case held, retry:
		default:
			t.Errorf("event %d: got verdict %d, want held, retry or unknown", i, k)
		}
	}
	if maybe == 0 || maybe == len(in) {
		t.Fatalf("%d of %d events unknown, want some", maybe, len(in))
	}
	c.proxies[0].letGo()
	if err := b.s.refresh(t.Context()); err != nil { // the cluster serves again
		t.Fatal(err)
	}
	for _, id := range ids(c.dump(t, topic)) {
		i := slices.IndexFunc(in, func(e sdk.Event) bool { return e.ID.String() == id })
		if b.verdicts[i].kind != unknown {
			t.Errorf("event %d was delivered although it was reported as not sent", i)
		}
	}
}

// A request whose context has ended is not even begun, on a connection that
// stands ready for it.
func TestNothingIsSentOnceTheContextEnded(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	s := newSink(time.Now)
	cfg := &Config{
		Brokers: c.seeds, Topic: topic, Key: "auto", Compression: "none", Timeout: deadline, MaxMessageBytes: 1 << 20,
	}
	if err := s.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	in := events(1)
	newBatch(s, in).run(t.Context())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		b := newBatch(s, in)
		b.run(ended)
		if v := b.verdicts[0]; v.kind != retry || v.code != "canceled" {
			t.Fatalf("got verdict %d %q (%v), want retry", v.kind, v.code, v.err)
		}
		newBatch(s, in).run(t.Context()) // leaves a connection behind again
	}
	if got := len(c.dump(t, topic)); got != 51 {
		t.Errorf("got %d records, want 51", got)
	}
}

// A bootstrap address that accepts and says nothing leaves time for the next.
func TestSilentBootstrapBroker(t *testing.T) {
	t.Parallel()
	c := fake(t)
	a := c.args(c.topic(t, 1, nil))
	silent, err := net.Listen("tcp", "127.0.0.1:0") // never accepts: the kernel does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	a["brokers"], a["timeout"] = append([]string{silent.Addr().String()}, c.seeds...), "2s"
	servePlugin(t).mustOpen(a).mustWrite(events(2), sdk.OutcomeDone)
}

// I17: closing waits for no broker.
func TestCloseDuringAnOutage(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 4, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"timeout": "20s"}))
	p.mustWrite(events(20), sdk.OutcomeDone)
	hit := make(chan struct{}, 64)
	c.proxies[0].on(func(int16) action {
		hit <- struct{}{}
		return swallow
	})
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() {
		_, err := p.writeCtx(ctx, events(20))
		written <- err
	}()
	<-hit
	cancel() // core gives up, then closes
	if err := <-written; err == nil {
		t.Error("Write ended without an error although its context was cancelled")
	}
	start := time.Now()
	closing, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	if err := p.client.CloseSink(closing); err != nil {
		t.Errorf("Close: %v after %s", err, time.Since(start))
	}
}

// A Write whose time runs out still says what became of each event.
func TestOutcomesBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	c := fake(t)
	topic := c.topic(t, 1, nil)
	p := servePlugin(t).mustOpen(with(c.args(topic), args{"timeout": "20s"}))
	c.proxies[0].onProduce(swallow)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	out, err := p.writeCtx(ctx, events(2))
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	for i, o := range out {
		if o.Kind != sdk.OutcomeUnknown {
			t.Errorf("event %d: got %s, want unknown", i, kindName(o.Kind))
		}
	}
}
