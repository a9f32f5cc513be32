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
package engine
