// Package config reads a directory of HCL into a Config: typed, checked,
// ready to start from, with every event expression compiled.
//
// Load reports all mistakes of all files in one run and does nothing else: it
// reads files of the directory and the files of secrets, and starts nothing but
// the commands of secrets, where Options.RequireSecrets asks for those. Same
// files, same environment, same result.
//
// Files are parsed and what their blocks name is declared (module.go). A name is
// evaluated when an expression first mentions it, and once (scope.go, names.go);
// so nothing depends on the order of blocks, and what needs itself is found.
// Blocks first become what they stand for, one each or one for each element of
// for_each (foreach.go), so that a reference is a value that points at the
// result (reference.go); then their contents are read, pipelines last.
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
//   - Input is bounded before it is parsed, and evaluation while it runs: every
//     value in size, all of a load in work (I12, metered.go). No input panics.
package config
