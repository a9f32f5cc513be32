package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
)

// maxInFlight bounds the requests, and so the connections, of a Write.
const maxInFlight = 16

var errHeld = errors.New("held back behind an earlier event of the same message")

// batch is one Write.
type batch struct {
	s        *sink
	events   []sdk.Event
	messages []*message
	rounds   [][]lane
	verdicts []verdict // by event; each lane writes those of its own events

	mu        sync.Mutex
	down      map[string]verdict   // brokers that could not be reached in this Write
	throttled map[string]time.Time // the sink's, guarded by mu while lanes run
}

func newBatch(s *sink, events []sdk.Event) *batch {
	b := &batch{
		s: s, events: events, messages: make([]*message, len(events)), verdicts: make([]verdict, len(events)),
		down: map[string]verdict{}, throttled: s.throttled,
	}
	for i := range events {
		m := newMessage(&events[i], s.cfg.Key, s.cfg.Payload == "include")
		if size := batchOverhead + m.size; size > s.cfg.MaxMessageBytes {
			b.verdicts[i] = verdict{kind: reject, code: codeTooLarge,
				err: fmt.Errorf("the record has about %d bytes, max_message_bytes is %d", size, s.cfg.MaxMessageBytes)}
			continue
		}
		b.messages[i] = m
	}
	b.rounds = plan(events, b.messages, len(s.layout.leaders))
	return b
}

// run sends the rounds one after the other. It returns early in no case: what is
// not sent keeps the verdict held.
func (b *batch) run(ctx context.Context) {
	block := newBlocks()
	for _, lanes := range b.rounds {
		var wg sync.WaitGroup
		slots := make(chan struct{}, maxInFlight)
		for _, l := range lanes {
			free := block.free(l, b.events)
			if len(free) == 0 {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				b.send(ctx, l.partition, free)
				<-slots
			})
		}
		wg.Wait()
		for _, l := range lanes {
			block.add(l, b.events, b.verdicts)
		}
	}
}

// send delivers events of one partition in order, in as few requests as
// max_message_bytes allows. It stops at the first that does not settle.
func (b *batch) send(ctx context.Context, partition int, events []int) {
	for len(events) > 0 {
		n := b.fit(events)
		if cause := b.produce(ctx, partition, events[:n]); cause != nil {
			b.hold(events[n:], *cause)
			return
		}
		events = events[n:]
	}
}

// fit returns how many of the events go into one request.
func (b *batch) fit(events []int) int {
	size := batchOverhead
	for n, i := range events {
		if size += b.messages[i].size; size > b.s.cfg.MaxMessageBytes {
			return n // at least 1: no message is larger than a batch
		}
	}
	return len(events)
}

// hold marks events that were not sent because of cause.
func (b *batch) hold(events []int, cause verdict) {
	cause.kind = held
	for _, i := range events {
		b.verdicts[i] = cause
	}
}

// produce sends the events in one request, and in halves if the broker objects
// to one of them without saying which. It returns nil if all are settled, and
// otherwise the reason for going no further.
func (b *batch) produce(ctx context.Context, partition int, events []int) *verdict {
	v := b.request(ctx, partition, events)
	if v.kind == isolate && len(events) > 1 {
		half := len(events) / 2
		if cause := b.produce(ctx, partition, events[:half]); cause != nil {
			b.hold(events[half:], *cause)
			return cause
		}
		return b.produce(ctx, partition, events[half:])
	}
	if v.kind == isolate {
		v.kind = reject
	}
	for _, i := range events {
		b.verdicts[i] = v
	}
	if v.kind == done || v.kind == reject {
		return nil
	}
	return &v
}

// request is one exchange with the partition's leader.
func (b *batch) request(ctx context.Context, partition int, events []int) verdict {
	leader := b.s.layout.leaders[partition]
	if leader == "" {
		return classify(fmt.Errorf("partition %d: %w", partition, kafka.LeaderNotAvailable))
	}
	if v, ok := b.paused(leader); ok {
		return v
	}
	ms := make([]*message, len(events))
	for n, i := range events {
		ms[n] = b.messages[i]
	}
	res, err := b.s.client.Produce(ctx, &kafka.ProduceRequest{
		Addr: kafka.TCP(leader), Topic: b.s.cfg.Topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: records(ms), Compression: compressions[b.s.cfg.Compression],
	})
	var throttle time.Duration
	if err == nil {
		err, throttle = res.Error, res.Throttle
	}
	if err != nil {
		err = fmt.Errorf("partition %d: %w", partition, err)
	}
	v := classify(err)
	if throttle > 0 && v.kind != done {
		v.wait = throttle
	}
	b.remember(leader, v, throttle)
	return v
}

// paused reports whether a broker should not be spoken to now, and why.
func (b *batch) paused(broker string) (verdict, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.down[broker]; ok {
		return v, true
	}
	if wait := b.throttled[broker].Sub(b.s.now()); wait > 0 {
		return verdict{kind: retry, class: sdk.Throttled, code: "throttled", wait: wait,
			err: errors.New("the broker asked for a pause")}, true
	}
	return verdict{}, false
}

// remember notes what an exchange says about the broker itself. A broker that
// throttles answers at once and expects the client to wait (KIP-219).
func (b *batch) remember(broker string, v verdict, throttle time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var notSent *notSentError
	if errors.As(v.err, &notSent) {
		b.down[broker] = v
	}
	if throttle > 0 {
		b.throttled[broker] = b.s.now().Add(throttle)
	}
}

// report passes the verdicts on. If nothing of the batch took effect and the
// cause is the destination's, the batch as a whole fails.
func (b *batch) report(out *sdk.Results) error {
	if f := b.failure(); f != nil {
		return f
	}
	for i, v := range b.verdicts {
		switch v.kind {
		case done:
		case unknown:
			out.Unknown(i, v.err)
		case reject:
			out.Reject(i, v.code, v.err)
		case held:
			err := errHeld
			if v.err != nil {
				err = fmt.Errorf("held back: %w", v.err)
			}
			out.Retry(i, err, v.wait)
		default:
			out.Retry(i, v.err, v.wait)
		}
	}
	return nil
}

// failure returns nil if an event took effect, or may have, or if the causes
// concern no more than events or single partitions.
func (b *batch) failure() *sdk.Failure {
	rank := map[sdk.FailureClass]int{sdk.Throttled: 1, sdk.Misconfigured: 2, sdk.AuthFailed: 3}
	var worst *verdict
	for i := range b.verdicts {
		v := &b.verdicts[i]
		if v.kind == done || v.kind == unknown {
			return nil
		}
		if v.class != "" && (worst == nil || rank[v.class] > rank[worst.class]) {
			worst = v
		}
	}
	if worst == nil {
		return nil
	}
	return &sdk.Failure{Class: worst.class, Code: worst.code, Err: fmt.Errorf("kafka: %w", worst.err), Wait: worst.wait}
}
