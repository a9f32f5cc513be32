// Package trigger makes a provider's webhook request as the provider itself
// would: realistic contents, and a signature that verifies. `patchbay trigger`
// sends it, so that a configuration can be tried without an account.
//
// A request is a pure function of its Spec. What it says can be changed field by
// field; ids and times are the caller's, so that nothing here is random.
//
// Secrets are used for signing and appear in nothing that is returned as text.
package trigger
