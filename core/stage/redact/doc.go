// Package redact takes personal data out of events: the stage `redact`.
//
// Each place that the configuration names is dropped, masked or replaced by a
// token. The values that stood there are then looked for in the rest of the event
// (its other texts, its attributes, the source payload) and treated the same way,
// because providers repeat a number in several places and spellings. What leaves
// the stage, sinks, dead letters and explain included, does not hold them any more.
// The raw log keeps the request as the provider sent it, until retention ends.
//
// Context: the payload is the provider's own document, and sinks store it beside
// the event. Decision: it is rewritten leaf by leaf, so that everything but the
// leaves concerned keeps its bytes. A payload that is neither JSON nor a form
// cannot be told apart into leaves; it is removed whole, and the attribute
// payload_removed says so. Rejected: dropping every payload (loses what analysts
// need), and replacing bytes in the text (breaks escapes, and misses them).
//
// What counts as an occurrence: the value in any letter case; a telephone number
// with +, with 00 or bare; each as it is, escaped as JSON, as a URL or as HTML, and
// escaped again up to three times. A value of fewer than six bytes is only found
// where it is the whole of a leaf, and one of letters alone only as a whole word:
// otherwise a customer called 7 would blacken every number. What is spelled in
// another way (with blanks inside a number, in Base64, as an image) is not found;
// name its place in the configuration.
//
// A token is an HMAC of the value, so the same person has the same token in every
// source and field, at any time, and nobody without the key can compute it. It
// carries a mark of its key: tokens of different keys differ, and it shows. Event
// ids are computed before all stages (I8) and dedup remembers what it saw before
// (I6), so redaction changes neither, and a replay gives the same bytes again.
//
// Failure modes: a value that the plugin left in a place nobody named, in a
// spelling not listed above, passes. A leaf that holds a value under an encoding
// that can be undone but not rewritten is replaced whole.
package redact
