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
// For sinks whose idempotency hangs on the batch (atomic, window, probe, none),
// the batch is made durable before it is written, so that after a crash exactly
// the same batch is sent again under the same id, its events marked as maybe
// written.
//
// Memory is bounded by the window of events in hand, whatever the backlog (I12).
package dispatch
