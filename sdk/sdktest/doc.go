// Package sdktest proves that a source or a sink keeps the contract of package
// sdk. A plugin's tests call it in one line:
//
//	func TestConformance(t *testing.T) { sdktest.Source[Config](t, acme{}, "testdata") }
//
//	func TestConformance(t *testing.T) {
//		sdktest.Sink(t, func() sdk.Sink[Config] { return &console{} }, sdktest.Harness{…})
//	}
//
// Both speak to the plugin over gRPC, in process, the way core does, so that
// what travels is what is checked. Package suite has the checks; they run the
// same against an executable, with `patchbay plugin test`.
//
// A source's cases are captured requests, one a file NAME.http, and beside each
// NAME.events.json, what must come of it. The flag -update writes the latter; a
// person reads the difference. A case is an HTTP request as it was received,
// with comments before it:
//
//	# signed
//	# config: {"auth_token": "12345"}
//	# secret: 12345
//	POST https://hooks.example.com/hooks/twilio/support HTTP/1.1
//	Content-Type: application/x-www-form-urlencoded
//
//	MessageSid=SM1&MessageStatus=delivered
//
// config is the block's arguments as JSON; the same for all cases of a folder
// is best put into a file config.json. signed says that the request's proof is
// genuine under its config: the suite checks that core accepts it, and nothing
// that was changed, stripped or grown old. A signature that tells the time has it
// as in "signed 2026-01-02T03:04:05Z". One case of a folder at least must be
// signed, unless the source accepts requests without proof. secret is a text that
// must never come back from the plugin; the values of sensitive arguments never
// may in any case. "# fixed" says that the words of this case are not statuses,
// so that the suite does not try an unknown one. Other comments are free. The
// body is everything after the empty line, byte for byte, except for one last
// line break, which editors add.
//
// The package is for tests: no plugin may link it.
package sdktest
