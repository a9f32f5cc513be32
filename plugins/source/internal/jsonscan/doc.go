// Package jsonscan reads JSON in place, strictly and fast. It is what the
// bundled sources share: a webhook's body is scanned once, and each event knows
// where its bytes lie in it.
//
// It differs from encoding/json where a ledger needs it to: every value has its
// exact place; numbers keep their text, so that an id above 2^53 survives;
// duplicate keys, invalid UTF-8 and lone surrogates are seen, not papered over;
// and nothing is built that nobody asked for.
//
// Two kinds of wrong are told apart. A syntax error makes the document
// unreadable: nobody can say where its parts begin. A Fault leaves the syntax
// intact, so that one bad element of an array spoils no other.
//
// Context: decoding a batch of events into maps with encoding/json costs some 6
// times the rest of a source's work, and hides duplicates. Lost: a generated
// decoder (no places, no duplicates), streaming tokens of encoding/json (slower
// still). Failure mode: the grammar is written by hand; a fuzz test holds it
// against encoding/json.
//
// There are two ways to read. Document and Walk take no memory and scan again
// for each level that is looked at; a Tape takes 16 bytes a value and scans
// once, which more than halves the cost of an array of hundreds of events.
package jsonscan
