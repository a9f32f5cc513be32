// Package admin is the listener for the people who run a core, and for their
// tools: health, readiness, metrics, and the JSON interface through which the
// command line asks the core while it has the journal open.
//
// It belongs on a loopback address. Whatever reveals data or changes anything
// needs the token that the core writes to admin.json in its data directory,
// readable by its own user alone. A request whose Host names no loopback
// address is refused, whoever sends it: a browser on this machine that was
// lured to a foreign name must not reach it (DNS rebinding). There is no CORS
// and there are no cookies. Requests are bounded in size and time (I12).
//
// Answers under /api/v1/ are one JSON object, the Envelope. What reveals
// personal data or changes something is logged.
//
// It does not serve providers; that is the receiver's.
package admin
