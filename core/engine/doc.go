// Package engine puts a configuration to work: it opens the journal, starts a
// plugin for each block, and connects receiver, lanes and dispatchers.
//
// Order at start: the sinks' cursors are durable before a lane stages anything
// for them, lanes run before the receiver listens. A source whose plugin is not
// configured yet answers as under pressure, so that its provider tries again;
// the others go on (I13).
//
// Order at the end (I17): the receiver takes no more and answers what it has,
// lanes and dispatchers settle the batch in hand, plugins stop, the journal
// closes. What is left is in the journal and goes on at the next start.
//
// # Change
//
// What runs is a graph of units, each with a life of its own: sources and sinks
// with their plugins, lookups, lanes, dispatchers, stages that have a memory. A
// change makes the next graph out of the units that are the same and of new
// ones, in three steps (change.go):
//
//   - prepare starts what can run beside the old generation and has it look at
//     its configuration. If anything is wrong, nothing has changed (I15).
//   - replace lets what leaves finish, stops what is replaced once its batch in
//     hand is settled, makes the parts that take its place, and starts them,
//     dispatchers before lanes, as at the start. If a part cannot be made, the
//     old ones are made again and run. Requests, and the endpoints they reach,
//     change over at once, at the end.
//   - finish has removed sinks deliver what waits, ends what nobody needs, and
//     tells what is left over.
//
// A batch is processed by the lane that read it, with the stages of one
// generation. Cursors, marks and the ledger are the same whatever generation
// works on them, so a kill at any point leaves a journal that either goes on
// from. What waits for a reader that was removed is kept (queue.go).
//
// Only what is bound to the process itself needs a restart: listeners, the
// receiver's limits, the data directory (package plan knows which).
package engine
