// Package table is the shape of patchbay's warehouse tables as data: which
// columns there are, what kind of value each holds, and how the value is read
// from an event. An engine renders the columns in its own types and binds the
// values in the columns' order, so that every engine holds the same tables.
//
// The tables: pb_events (a row an event, the facts), pb_message_state (a row a
// message and recipient, derived from the facts by package fold), pb_load_log
// (a row a committed write) and pb_schema (the version of the tables).
//
// Invariants:
//   - A row leads back to the provider's bytes: source, raw_offset and raw_index
//     name the stored request and the event's place in it.
//   - Whatever had to be changed in a value to store it is listed in _pb_meta;
//     source_payload is never changed.
//
// The package knows no engine and no SQL beyond names.
package table
