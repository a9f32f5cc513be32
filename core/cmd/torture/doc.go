// Command torture kills patchbay, again and again, under load, and then accounts
// for every request (T2).
//
// A sender that trusts nobody remembers each request that it sent, and whether
// it was acknowledged. Meanwhile a schedule that a seed decides sends SIGKILL to
// the core (also while it starts) and to the plugins of both sources and both
// sinks, stops plugins for a while with SIGSTOP, and ends the core in order with
// SIGTERM. At the end the load stops, the system settles, and what the sinks hold
// is compared with the sender's memory. One sink is SQLite, where a repeat
// changes nothing; the other is this program itself under another name, which
// appends whatever it gets. What is found:
//
//   - an event of an acknowledged request that has no row is lost (I1, I4);
//   - an event with two rows is doubled (I4, I6);
//   - an event that the appending sink has twice must be in the ledger as one that
//     was possibly written twice, or it is unexplained;
//   - a row that was never sent, a ledger that does not add up (I3, I7), an
//     answer that makes no sense, a process or a damaged file left behind (I17)
//     are unexplained.
//
// It has been seen to fail: a patchbay built with the tag mutate_atomic, whose
// steps are not atomic (I7), loses events here within some forty kills.
//
// All three must be 0, or the exit code is 1. The seed decides schedule and load;
// what a kill hits is up to the machine, so a seed that fails may need several
// runs to fail again.
package main
