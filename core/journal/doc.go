// Package journal keeps what patchbay has promised not to lose: per source a
// raw log of accepted requests, per pipeline a staged log of their events, the
// dedup marks, cursors, dead letters and the ledger that accounts for them.
//
// It is the only package that touches the store (cockroachdb/pebble) and the
// only one that knows its keys (keys.go).
//
// Invariants:
//   - Append returns only after the request is on stable storage (I1).
//   - Readers see nothing above the synced tail of a log (I2): the store makes a
//     write readable before its sync ends, so the tail is published afterwards.
//   - A Tx is all or nothing: staged entries, marks, dead letters, ledger and
//     cursors of one step land in one store batch (I7).
//   - A cursor moves forward only, except through Rewind (I9).
//   - A failed write or sync ends the process through Options.Fatal before
//     anybody is told of success (I11). The store itself would call its logger's
//     Fatalf and then return nil.
//   - A store written by a newer version is refused without a write (I16).
//
// One goroutine, the committer, assigns offsets, gathers everything that waits
// into one store batch, syncs once and then answers all of it: the more load,
// the larger the group, and the cheaper each request.
//
// Entries are stored in chunks of up to a few hundred, one store key a chunk:
// the cost of a key (skip list, index, compaction) is shared by all of them. An
// entry is opaque here; its body is kept in the form in which it travels to a
// plugin, so that a batch can be forwarded without decoding it.
//
// Decision record. Context: at 20,000 events a second, one key an event in the
// raw and in the staged log costs more CPU than authentication and parsing
// together. Decision: chunks, and per chunk a small summary (Tx.Append) for
// finding a message again, instead of an index key an event. What lost: point
// lookup by id in constant time; explain scans summaries instead. Failure
// modes: a chunk is read whole, so its size is bounded (MaxChunk).
//
// A journal does not decode, transform or deliver.
package journal
