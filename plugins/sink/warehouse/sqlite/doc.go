// Package sqlite is the sink type "sqlite": the warehouse in one local file,
// for a start without a server and for reports on one machine.
//
// A Write is one transaction. It adds the events that are new to pb_events,
// folds exactly these into pb_message_state, records itself in pb_load_log and
// is on disk when it returns. People read the views v_events, v_messages and
// v_journey; other processes may read while the sink writes.
//
// Invariants:
//   - I4: an event is one row and counts once, however often and in whatever
//     order it comes, also through two plugins on one file.
//   - A row changes only once in its life: an event that no mapping knew gets
//     its type in place, and its message is folded again from its rows.
//   - I3: what the database refuses about one row rejects that event; whatever
//     is about the file makes no dead letter.
//   - I16: a file of a newer version is refused before a byte is written.
//
// # Decisions
//
// Driver: zombiezen.com/go/sqlite, which is modernc.org/sqlite without
// database/sql. On the same rows (25 columns, 330 bytes of payload, 100,000 to
// 200,000 rows, 2 shared cores) it cost 16 µs of CPU a row at 2,000 rows a
// commit and 25 µs at 512, without an allocation; database/sql over the same
// engine 29 and 35 µs with 30 allocations a row. Calling the engine's C
// interface directly gained nothing, so its unsafe code lost. Several rows a
// statement gained up to a tenth, but do not say which of them were duplicates.
//
// Durability: synchronous = FULL, although WAL is usually run with NORMAL.
// NORMAL does not sync at commit: a power failure takes the last commits with
// it, while core's journal already says that they are done, and core sends them
// never again. The price is one fsync a batch: some 3 µs of CPU an event at 512, near the
// noise of the measurement.
//
// Keys: event_id is the only index on pb_events whose values are random. Each
// such index writes nearly a page a row and cost 6 to 11 µs a row; an index on
// message_id would have been the second. Events carry the row number of their
// message instead, which grows with time, as event_timestamp does: both indexes
// together cost less than the noise of the measurement. v_journey goes from
// a message's id to its events. event_id could not be made to grow with time:
// a repeat that comes without the provider's time has another event_timestamp,
// and would count twice.
//
// A message is found by an index on message_id and recipient. The unique key over
// the message's whole identity, which older files have, is twice as long and cost
// 3 µs more of each new message; nothing but its promise is lost, which the write
// lock keeps: a message is looked for and added under it.
//
// State: the fold is code, not SQL, and pb_message_state keeps its statistics
// beside the columns that people read. A batch reads a message once and writes
// it once, and the states of the last batches stay in memory: that took 5 of
// 52 µs off an event whose message is touched once a batch, which is the worst
// case. A single upsert with the rules as SQL expressions lost: the rules would
// exist twice, and a late soft bounce cannot be decided from the row's columns.
//
// Sizes: pages of 4 KiB (8 KiB are a fifth cheaper at 100,000 rows and a
// quarter dearer at 1,500,000), a cache of 48 MiB. A checkpoint every 16,384 pages
// bounds the log at 64 MiB: what it collects is written to the file once, however
// many batches changed it. Every 8,192 pages was half a microsecond an event dearer,
// 32,768 no cheaper; every 1,024 a tenth dearer, because a commit alone writes up to
// 6,000 pages, and the log's file was cut and grown each time. Batches of 8,192
// events instead of 4,096 took a twentieth off, of 16,384 no more: their rows
// share more pages. source_payload is ANY: TEXT where the bytes are text, so that
// JSON functions read it, BLOB where they are not, so that nothing is lost.
//
// # Failure modes
//
// A reader that never ends its transaction keeps the log from being merged: it
// grows, and the sink warns each time it doubles. A disk that is full, read-only
// or failing pauses the sink with a sentence that says so; a damaged file too,
// and nothing is written to it. A file that is moved away while open is noticed
// at the next Write, which fails once and then opens what the path names. On a
// network file system SQLite's locks do not hold; the sink cannot tell.
package sqlite
