// Package plan compares two configurations and says what changing from one to
// the other means: which blocks are added, changed or removed, which arguments
// differ, what happens to the work in hand and to what waits.
//
// A Snapshot is what a configuration comes down to: for each block, the value of
// every argument, with references, variables and defaults resolved, so that two
// snapshots are equal if and only if the configurations do the same. It is taken
// by walking the configuration's types: a field that nobody has classified yet
// (fields.go) counts as sensitive and as touching its whole block, so that a
// change is never overlooked and never shown.
//
// The package is pure: it starts nothing and asks nobody. What it cannot know by
// itself, how much waits where, is given to Compare.
//
// Secrets are compared by keyed hashes and never shown (I14).
package plan
