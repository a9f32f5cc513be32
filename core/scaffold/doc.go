// Package scaffold writes a new plugin: a Go module that builds, passes the
// conformance suite and runs, for `patchbay plugin new`.
//
// What it writes is made from the files in templates. The example of a plugin in
// this repository, and the code in the guide for plugin authors, are what it
// writes too; a test compares them, so none of the three can fall behind.
package scaffold
