package pipeline

import "testing"

// TestCursorName proves that the names of blocks from for_each and modules,
// which have more dots than others, come out of a cursor's name as they went in.
func TestCursorName(t *testing.T) {
	t.Parallel()
	for _, names := range [][2]string{
		{"messaging", "twilio.support"},
		{"messaging.north", "twilio.support.north"},
		{"module.eu.messaging", "module.eu.module.inner.twilio.support.north"},
	} {
		p, s, ok := ParseCursorName(CursorName(names[0], names[1]))
		if got := [2]string{p, s}; !ok || got != names {
			t.Errorf("got %q (%v), want %q", got, ok, names)
		}
	}
	if _, _, ok := ParseCursorName("sink/a/b"); ok {
		t.Error("got the cursor of a lane from that of a sink")
	}
}
