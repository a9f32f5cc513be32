// Package dispatch delivers a pipeline's staged events to one sink.
//
// A Dispatcher reads the staged log from its own cursor, builds batches, has
// them written, and moves on: done events are counted, rejected ones become dead
// letters, others are tried again with full jitter, for as long as it takes. Each
// sink of each pipeline has its own, so a dead sink delays no other (F19).
//
// Order: events of one message are written in the order of the log (I5). While
// an event waits for another attempt, later events of its message wait behind
// it; other messages pass. What passes is remembered above the cursor (the done
// set), durably before the next write where the sink is not idempotent (I4).
//
// The cursor passes an event only when it has its terminal state (I9). What the
// sink said about the destination as a whole (credentials refused, a table
// missing, throttled) opens a circuit breaker and makes no dead letter: a
// backlog is never drained into the wrong place. A batch that fails without a
// word is halved until the event at fault stands alone; it becomes a dead letter
// only after others got through.
//
// How long an event is tried is the pipeline's to say (on_failure). By default a
// sink may ask for a retry for ever; an event that fails without a word becomes a
// dead letter after eight failures of its own. Attempts count what was the event's
// own: the sink's answer about it, or its failure alone while others got through.
// An outage (the breaker is open, or nobody gets through) counts for no event;
// only max_age ends events then, after a last attempt, a batch each time the
// breaker lets one try. Attempts are counted in memory: a restart begins anew,
// which may try an event longer and never shorter than asked for. Age counts from
// the moment the event was staged, which is on disk, so it survives restarts and is
// not moved by an event's own times, a replay's included.
//
// For sinks whose idempotency hangs on the batch (atomic, window, probe, none),
// the batch is made durable before it is written, so that after a crash exactly
// the same batch is sent again under the same id, its events marked as maybe
// written.
//
// Memory is bounded by the window of events in hand, whatever the backlog (I12).
package dispatch
