// Package lookup holds the tables that enrich reads: CSV files, databases and web
// services, behind one method that finds the rows of a batch of keys.
//
// A CSV file is read whole, and again when it changes. One that cannot be read any
// more leaves the table as it was, with a warning: enrichment goes on with the
// last good version.
//
// What is asked over a network (Remote) is asked once for each key of a batch,
// side by side within a bound, and not again while its answer is fresh. Lanes that
// want the same key at the same time share the question.
//
// Two kinds of failure are told apart. An outage is about the other side as a
// whole: it is away, refuses our credentials, is throttling, or its answers are of
// another shape. With on_error = "retry" the lane waits, with growing pauses, for
// as long as it takes: nothing is lost, and only this pipeline is late (I13). With
// "skip" the events go on without, marked, and the other side is asked again after
// a pause.
//
// A refusal is about one key: the other side is there and will not answer for it.
// Asked for ever it would hold all events behind it, so it is given up after a few
// tries, under either policy, once other keys are answered: the event goes on
// without, marked. Where every key is refused it is an outage.
//
// Memory is bounded by the cache's limits in entries and in bytes (I12). No key
// appears in an error or a log: keys are people's addresses (I14).
package lookup
