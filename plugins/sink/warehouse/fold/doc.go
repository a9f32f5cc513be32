// Package fold derives the state of one message to one recipient from its
// events: how far it got (delivery), and what people and programs did with it
// (engagement).
//
// A State holds statistics of the events, never a verdict: for each delivery
// status its first and last time, for each engagement its count and times. Of
// these the verdict is computed by Result, from the ranks of the channel. Adding
// an event is commutative and associative, so the state does not depend on the
// order in which events arrive.
//
// Invariants:
//   - Any order of the same events gives the same State, byte for byte.
//   - Counts are exact if each event is added once. Who adds must know which
//     events are new; the times and the verdict do not even need that.
//   - Events keep what they assert: nothing here changes a fact, and a State can
//     be made again from the facts at any time.
//
// Not folded here: consent (its key is a recipient and a scope, not a message),
// watermarks that cover a whole conversation, and messages whose parts are
// reported one by one.
package fold
