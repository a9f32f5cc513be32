// Package lab is what the demonstration, the benchmarks and the torture test
// share: signed provider requests at speed, a load generator that costs little,
// patchbay as a child process, and a look at what reached SQLite.
//
// It speaks to patchbay only as the outside world does: over HTTP, through
// files, and by reading the sink. Everything happens on loopback, and a lab ends
// only the processes that it started.
package lab
