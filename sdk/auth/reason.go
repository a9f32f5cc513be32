package auth

// reason is why a request is refused; empty means that it is not. The words are
// few and constant: they label metrics, and say nothing of the request.
type reason string

const (
	missingSignature   reason = "missing_signature"
	malformedSignature reason = "malformed_signature"
	badSignature       reason = "bad_signature"
	missingCredentials reason = "missing_credentials" // Basic, Token
	badCredentials     reason = "bad_credentials"
	missingToken       reason = "missing_token" // JWT
	malformedToken     reason = "malformed_token"
	badAlgorithm       reason = "bad_algorithm"
	badClaim           reason = "bad_claim"
	missingTime        reason = "missing_time"
	malformedTime      reason = "malformed_time"
	stale              reason = "stale"
	missingPart        reason = "missing_part" // of the signed text
	repeatedHeader     reason = "repeated_header"
	repeatedParameter  reason = "repeated_parameter" // of query or form, or a JSON key
	conflictingHeaders reason = "conflicting_headers"
	malformedID        reason = "malformed_id"
	malformedQuery     reason = "malformed_query"
	malformedBody      reason = "malformed_body"
	tooManyParameters  reason = "too_many_parameters"
	uncoveredBody      reason = "uncovered_body" // the signature says nothing about the body
	badBodyDigest      reason = "bad_body_digest"
	external           reason = "external" // only the plugin can decide
)

// missing reports whether the request did not even try the scheme.
func (r reason) missing() bool {
	return r == missingSignature || r == missingCredentials || r == missingToken
}

// or replaces missingPart, which a template says of any variable, by the word
// for the part that it stood for.
func (r reason) or(absent reason) reason {
	if r == missingPart {
		return absent
	}
	return r
}
