package engine

import "testing"

func TestTypeOf(t *testing.T) {
	t.Parallel()
	served := func(typ string) bool { return typ == "twilio" || typ == "sendgrid" }
	for address, want := range map[string]string{
		"twilio.support":                               "twilio",
		"twilio.support.north":                         "twilio",
		"gone.support":                                 "gone",
		"module.eu.twilio.support":                     "twilio",
		"module.eu.twilio.support.north":               "twilio",
		"module.eu.north.twilio.support":               "twilio",
		"module.eu.module.in.sendgrid.s":               "sendgrid",
		"module.eu.north.module.in.south.sendgrid.s.k": "sendgrid",
	} {
		if got := typeOf(address, served); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
