// Package receiver takes providers' webhooks over HTTP: it limits, authenticates,
// stores, and only then answers.
//
// The order is the promise (rule 1 of the fault model): limits, then
// authentication on the raw bytes, then the journal with its sync, then the
// provider's own kind of 2xx (I1). No plugin is asked on the way, unless a
// source's scheme is one that no data describes. What cannot be authenticated
// stores nothing, or goes to quarantine where the source says so. What cannot be
// stored now is answered so that the provider tries again (I12).
//
// A receiver does not decode a body, and keeps no request in memory after its
// answer.
package receiver
