// Package receiver takes providers' webhooks over HTTP: it limits, authenticates,
// stores, and only then answers.
//
// The order is the promise (rule 1 of the fault model): who may come at all, by
// address and client certificate, then limits, then authentication on the raw
// bytes, then the journal with its sync, then the provider's own kind of 2xx (I1).
// No plugin is asked on the way, unless a source's scheme is one that no data
// describes. What cannot be authenticated stores nothing, or goes to quarantine
// where the source says so. What cannot be stored now is answered so that the
// provider tries again (I12).
//
// Decision record. Context: fields of a request such as its client's address come
// from headers that anybody can write. Decision: one configured header, believed
// from configured proxies alone, read from the right; what cannot be understood
// is no address, and no list contains it. What lost: guessing among the headers
// that proxies use. Failure modes: a proxy that passes on what its client wrote
// lets that client choose its address; a network listed as proxies lets everybody
// in it.
//
// A receiver does not decode a body, and keeps no request in memory after its
// answer.
package receiver
