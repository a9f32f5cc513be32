// Package suite is the conformance suites of sources and sinks. Package sdktest
// runs them in a plugin's tests, and `patchbay plugin test` on any executable.
//
// A suite needs a client of the plugin and a Reporter; it does not know whether
// the plugin runs in this process, and in which language it is written. It
// drives the plugin as core does, through what goes wrong as well: a plugin that
// is killed in the middle of a call, an answer that is lost, a batch that comes
// again. What the contract promises is checked, not how it is kept.
//
// The package uses nothing of package testing, so that a program may link it.
package suite
