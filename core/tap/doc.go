// Package tap lets people watch events as they pass, at any place of a pipeline
// or sink, without ever standing in their way.
//
// Lanes and dispatchers publish to a Hub what a step did once the step is
// committed, so nothing is shown that did not happen (I2). As long as nobody
// listens that costs one atomic load a batch. A Tap looks at a bounded number of
// events a second and keeps a bounded number for its reader; what passes beyond
// that is counted and not shown, and nothing ever waits for a reader (I12, I13).
//
// A Sample is a copy without the provider's own bytes. It holds personal data as
// it is: who shows it to a person masks it (I14).
package tap
