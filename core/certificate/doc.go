// Package certificate reads the files of a TLS listener, its certificate, its
// private key and the authorities of its clients, and reads them again while it
// runs: whoever renews them need not tell anybody.
//
// Invariants:
//   - What has been read once stays in use until something better has been read
//     whole: a broken or half-written file changes nothing but what Status says.
//   - Connections are never closed by a change; the next handshake sees it.
//   - No key, and no part of one, is in an error (I14).
//
// It does not fetch or renew certificates, and does not judge who a client is.
package certificate
