// Package auth decides whether a request comes from where it says. It compiles
// the scheme that a source declares as data (wire.Auth; the template language is
// described at sdk.Auth) into a Verifier, which the receiver runs on the request
// as received, before anything is decoded for other purposes or stored.
//
// Invariants:
//   - What is compared is decoded bytes of equal length, in constant time.
//   - The scheme comes from the configuration alone: a request never chooses its
//     hash, algorithm or key. A JWT's alg must be one of those declared.
//   - An ambiguous request is refused: a header that must be single and is
//     repeated, a repeated parameter, a JSON key that stands twice, two sets of
//     Standard Webhooks headers that differ.
//   - Work is bounded before a request has proven anything (I12): at most 16
//     signatures are looked at, at most 1024 parameters are decoded.
//   - Neither a Result nor an error contains a key, a credential or a part of a
//     request (I14).
//
// A Verifier keeps no state between requests and touches neither network nor
// disk, so receiving goes on while a plugin is down (I13). Replays of a request
// inside its time window are dedup's business.
//
// Decision record. Context: a signature over {form.sorted} says nothing about a
// body that is not a form, and the Content-Type that decides which it is is not
// signed. Decision: such a body is refused unless the scheme also carries its
// digest. What lost: taking the body as covered because the provider sends forms
// only; whoever holds one signature over an empty form could then have any body
// accepted. Failure mode: a provider that starts to send JSON is refused until
// its scheme says how the body is signed.
package auth
