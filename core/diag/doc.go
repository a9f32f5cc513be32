// Package diag is how patchbay tells a person that something they wrote is
// wrong: the place, the problem and the remedy, under a stable code.
//
// Packages that read configuration collect Diagnostics into a List, all of them
// in one run. This package renders a List for a terminal or as JSON, finds the
// word that was probably meant, and explains every code in a paragraph.
//
// Invariants:
//   - Every code in use has an entry in the table, and every entry is in use.
//   - What is rendered contains no control character of its input, so neither a
//     file nor a plugin can write to the terminal.
//   - A snippet comes only from the sources handed to the renderer; whoever
//     hands them over has blanked out what is secret (I14).
//
// It does not decide what is wrong, log, or exit.
package diag
