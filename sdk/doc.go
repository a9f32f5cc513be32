// Package sdk is what a patchbay plugin is written with: the canonical event,
// the Source and Sink interfaces, authentication as data, configuration from a
// struct, and the functions that serve a plugin to core.
//
// A source turns one provider's webhooks into events:
//
//	func main() { sdk.ServeSource[Config](acme{}) }
//
// A sink delivers events to one destination:
//
//	func main() { sdk.ServeSink[Config](&console{}) }
//
// A program that serves several types calls Serve. Package sdktest proves that
// a type keeps the contract; run it in the plugin's own tests.
//
// What core does for a plugin: it receives and authenticates requests, stores
// them before it answers, calls Parse, computes event ids, removes duplicates,
// batches, retries with backoff, isolates poison, keeps dead letters and
// cursors, and restarts a plugin that dies. What a plugin does: Parse, which is
// pure, or Write, which reports an outcome for each event.
//
// A plugin writes nothing to standard output, which belongs to the handshake.
// It logs with Log, which goes to core's log.
package sdk
