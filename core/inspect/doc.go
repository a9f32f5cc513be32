// Package inspect answers what a person asks of a journal: what became of a
// message (Explain), which events there are (Search), what was refused
// (DeadLetters), whether everything adds up (Account, I3) and whether the store
// is sound (Verify). It works on the journal of a running core and, read-only,
// on one that nothing has open; neither knows the configuration, so that what
// was configured yesterday is explained as well.
//
// Personal data is masked unless the caller asks otherwise (Options.Reveal);
// payloads and headers are not part of any answer but Dump with bodies (I14).
// What is rendered as text contains no control character of its input.
//
// Searches go through the summaries of the staged logs, newest first, and are
// bounded (I12); an answer says if it stopped at a bound. Sums are taken over
// one moment of the store (journal.View), so that they add up while the core
// works.
//
// It changes nothing, with one exception: Discard.
package inspect
