// Package config reads a directory of HCL into a Config: typed, checked,
// ready to start from, with every event expression compiled.
//
// Load reports all mistakes of all files in one run and does nothing else: it
// reads files of the directory and the files of secrets, starts nothing and
// listens nowhere. Same files, same environment, same result.
//
// A block that refers to another does so by value (source.twilio.support).
// A plugin's own arguments are checked against the schema that the plugin
// describes and become JSON; the plugin's findings come back through Problem
// and point at the line again.
//
// Invariants:
//   - Secrets are byte-exact and never pass through cty, which normalises
//     strings: an evaluated secret is a marked placeholder until the plugin's
//     JSON is written.
//   - Secrets appear in ConfigJSON and Secrets, nowhere else; not in
//     diagnostics, and not in the sources kept for snippets (I14).
//   - Input is bounded before it is parsed (I12), and no input panics.
package config
