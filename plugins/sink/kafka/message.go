package main

import (
	"math"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// maxAhead is how far a provider's clock may be ahead of ours before the record
// takes the time of receipt as its timestamp. Brokers since 4.0 refuse a whole
// batch for one record more than an hour ahead (message.timestamp.after.max.ms),
// and a timestamp in the far future keeps its log segment from expiring. The
// value's event_timestamp stays what the provider said.
const maxAhead = 5 * time.Minute

// message is a record ready to be sent.
type message struct {
	key, value []byte
	headers    []protocol.Header
	time       time.Time
	size       int // an upper bound of the bytes it takes in a batch
}

// newMessage writes e as a CloudEvent in binary mode of the Kafka protocol
// binding: attributes in headers named ce_*, data in the value.
func newMessage(e *sdk.Event, key string, payload bool) *message {
	m := &message{key: []byte(keyOf(e, key)), time: recordTime(e)}
	if payload {
		m.value = e.AppendJSON(make([]byte, 0, 768+len(e.SourcePayload)))
	} else {
		bare := *e
		bare.SourcePayload = nil
		m.value = bare.AppendJSON(make([]byte, 0, 768))
	}
	id := []byte(e.ID.String())
	typ := e.Type.String()
	if typ == "" {
		typ = "unspecified"
	}
	m.headers = append(make([]protocol.Header, 0, 9),
		header("ce_specversion", "1.0"),
		protocol.Header{Key: "ce_id", Value: id},
		header("ce_type", "patchbay.message."+typ),
		header("ce_source", "/patchbay/"+e.Source),
	)
	if t := e.Time.UTC(); !t.IsZero() && t.Year() >= 0 && t.Year() <= 9999 {
		m.headers = append(m.headers, header("ce_time", t.Format("2006-01-02T15:04:05.000000Z07:00")))
	}
	if e.MessageID != "" {
		m.headers = append(m.headers, header("ce_subject", e.MessageID))
	}
	m.headers = append(m.headers,
		protocol.Header{Key: "ce_partitionkey", Value: m.key},
		header("content-type", "application/json"),
		protocol.Header{Key: "pb_event_id", Value: id},
	)
	m.size = m.upperBound()
	return m
}

func header(key, value string) protocol.Header {
	return protocol.Header{Key: key, Value: []byte(value)}
}

// keyOf never returns an empty key: events without the wanted field spread over
// the partitions by their id, which also is the same for a repeated event.
func keyOf(e *sdk.Event, field string) string {
	var candidates [3]string
	switch field {
	case "auto":
		candidates = [3]string{e.CustomerID, e.ConversationID, e.MessageID}
	case "customer_id":
		candidates[0] = e.CustomerID
	case "conversation_id":
		candidates[0] = e.ConversationID
	case "message_id":
		candidates[0] = e.MessageID
	case "recipient":
		candidates[0] = e.Recipient
	}
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return e.ID.String()
}

// recordTime is the event's time where a broker can take it, else the time of
// receipt. Times before 1970 have no place in a record.
func recordTime(e *sdk.Event) time.Time {
	latest := time.Unix(0, math.MaxInt64) // the client library counts in nanoseconds
	if !e.ReceivedAt.IsZero() {
		latest = e.ReceivedAt.Add(maxAhead)
	}
	if e.Time.After(latest) || e.Time.UnixMilli() <= 0 {
		return e.ReceivedAt
	}
	return e.Time
}

// Sizes of the record batch format, version 2: the batch's fixed header, and the
// most that a record's own integers take (length 5, attributes 1, timestamp
// delta 10, offset delta 5, lengths of key and value 5 each, header count 5).
const (
	batchOverhead  = 61
	recordOverhead = 36
	fieldOverhead  = 10 // lengths of a header's name and value
)

func (m *message) upperBound() int {
	n := recordOverhead + len(m.key) + len(m.value)
	for _, h := range m.headers {
		n += fieldOverhead + len(h.Key) + len(h.Value)
	}
	return n
}

// records returns a fresh reader: the client consumes it.
func records(ms []*message) kafka.RecordReader {
	out := make([]kafka.Record, len(ms))
	for i, m := range ms {
		out[i] = kafka.Record{
			Time: m.time, Key: kafka.NewBytes(m.key), Value: kafka.NewBytes(m.value), Headers: m.headers,
		}
	}
	return kafka.NewRecordReader(out...)
}
