package journal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Outcome is a column of the ledger: what became of a request or an event.
type Outcome uint8

// The outcomes. In a pipeline an event ends as exactly one of Staged,
// Duplicate, Filtered or DeadLettered, a request without events as Ignored or
// DeadLettered; in a sink a staged event ends as Delivered, DeadLettered or
// Discarded (I3).
const (
	Stored        Outcome = iota + 1 // raw: a request is in the journal
	Refused                          // raw: not let in, nothing stored
	Quarantined                      // raw: stored although not authenticated
	Staged                           // pipeline: waits for its sinks
	Duplicate                        // pipeline: names an earlier event
	Filtered                         // pipeline: a filter said no, or no sink wants it
	Ignored                          // pipeline: a request that carries no event
	DeadLettered                     // pipeline or sink
	Delivered                        // sink
	Replayed                         // pipeline or sink: taken out of the dead letters and tried again
	Discarded                        // a person gave a dead letter up
	Parsed                           // pipeline: requests whose events are all accounted for
	Addressed                        // sink: staged events meant for it
	PossiblyTwice                    // sink: written again although an earlier write may have landed
	Missed                           // pipeline: requests that were trimmed before it came to read them
	outcomes
)

var outcomeNames = [outcomes]string{
	"", "stored", "refused", "quarantined", "staged", "duplicate", "filtered", "ignored", "dead_lettered",
	"delivered", "replayed", "discarded", "parsed", "addressed", "possibly_twice", "missed",
}

// String returns the word, e.g. "delivered".
func (o Outcome) String() string {
	if o < outcomes {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Scope says which account of the ledger a row belongs to.
type Scope uint8

// The scopes.
const (
	ScopeRaw      Scope = iota + 1 // Name is a source; Source is empty, but see Row
	ScopePipeline                  // Name is a pipeline, Source one of its sources
	ScopeSink                      // Name is a sink, Source the pipeline
)

var scopeNames = [...]string{"", "raw", "pipeline", "sink"}

// String returns the word.
func (s Scope) String() string {
	if int(s) < len(scopeNames) {
		return scopeNames[s]
	}
	return fmt.Sprintf("scope(%d)", uint8(s))
}

// Row identifies one count. Source is what Scope says; in the rows of refused
// requests it is a word for why they were refused. Day is the UTC day of the event's own time, in days
// since the epoch, 0 where it is unknown or absurd; Channel and Type are the
// numbers of the canonical words, 0 for requests.
type Row struct {
	Scope         Scope
	Name, Source  string
	Day           int32
	Channel, Type uint8
	Outcome       Outcome
}

// String renders the row for dump.
func (r Row) String() string {
	day := "-"
	if r.Day != 0 {
		day = time.Unix(int64(r.Day)*86400, 0).UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("%s %s %s %s channel=%d type=%d %s", r.Scope, r.Name, r.Source, day, r.Channel, r.Type, r.Outcome)
}

func appendLedgerKey(b []byte, r Row) []byte {
	b = append(b, prefixLedger, byte(r.Scope))
	b = binary.AppendUvarint(b, uint64(len(r.Name)))
	b = append(b, r.Name...)
	b = binary.AppendUvarint(b, uint64(len(r.Source)))
	b = append(b, r.Source...)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Day))
	return append(b, r.Channel, r.Type, byte(r.Outcome))
}

func decodeLedgerKey(k []byte) (Row, error) {
	var r Row
	bad := fmt.Errorf("%w: ledger key %x", ErrCorrupt, k)
	if len(k) < 2 {
		return r, bad
	}
	r.Scope = Scope(k[1])
	k = k[2:]
	for _, s := range []*string{&r.Name, &r.Source} {
		n, w := binary.Uvarint(k)
		if w <= 0 || n > uint64(len(k)-w) {
			return r, bad
		}
		*s = string(k[w : w+int(n)])
		k = k[w+int(n):]
	}
	if len(k) != 7 {
		return r, bad
	}
	r.Day = int32(binary.BigEndian.Uint32(k))
	r.Channel, r.Type, r.Outcome = k[4], k[5], Outcome(k[6])
	return r, nil
}

// Count is a row and its value.
type Count struct {
	Row
	N int64
}
