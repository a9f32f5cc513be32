package fold

import "github.com/patchbay-io/patchbay/sdk"

// slot is a delivery status as the rules tell them apart: a hard bounce is not
// a soft one, and a failure that the provider calls temporary is not final.
type slot uint8

const (
	queued slot = iota
	deferred
	sent
	canceled
	failed
	failedTransient
	bouncedHard
	bounced
	suppressed
	delivered
	read
	slots
)

var slotStatus = [slots]sdk.DeliveryStatus{
	queued: sdk.StatusQueued, deferred: sdk.StatusDeferred, sent: sdk.StatusSent, canceled: sdk.StatusCanceled,
	failed: sdk.StatusFailed, failedTransient: sdk.StatusFailed, bouncedHard: sdk.StatusBounced, bounced: sdk.StatusBounced,
	suppressed: sdk.StatusSuppressed, delivered: sdk.StatusDelivered, read: sdk.StatusRead,
}

// negative lists the states in which the message did not arrive for good.
var negative = [...]slot{canceled, failed, failedTransient, bouncedHard, bounced, suppressed}

// slotOf finds the slot of an event, false if it asserts nothing.
func slotOf(status sdk.DeliveryStatus, bounceClass string) (slot, bool) {
	temporary := bounceClass == "soft" || bounceClass == "block"
	switch status {
	case sdk.StatusQueued:
		return queued, true
	case sdk.StatusDeferred:
		return deferred, true
	case sdk.StatusSent:
		return sent, true
	case sdk.StatusCanceled:
		return canceled, true
	case sdk.StatusFailed:
		if temporary {
			return failedTransient, true
		}
		return failed, true
	case sdk.StatusBounced:
		if bounceClass == "hard" {
			return bouncedHard, true
		}
		return bounced, true
	case sdk.StatusSuppressed:
		return suppressed, true
	case sdk.StatusDelivered:
		return delivered, true
	case sdk.StatusRead:
		return read, true
	}
	return 0, false
}

// rules are a channel's delivery rules, as data.
type rules struct {
	// rank orders the states; the highest that the message reached wins.
	rank [slots]uint8
	// yields lists what loses to a later proof of delivery whatever its rank:
	// the provider tried again.
	yields [slots]bool
	// conflicts lists what contradicts a proof of delivery that won over it.
	conflicts [slots]bool
	// infers: what a person did with the message proves that it was delivered,
	// what a program did proves that it was sent.
	infers bool
}

// messaging is for SMS and chat: positive proof beats every negative claim,
// because messages go through several devices and carriers.
var messaging = rules{
	rank: [slots]uint8{
		queued: 10, deferred: 20, sent: 30, canceled: 40, failed: 50, failedTransient: 50,
		bouncedHard: 55, bounced: 55, suppressed: 57, delivered: 60, read: 70,
	},
	conflicts: [slots]bool{
		canceled: true, failed: true, failedTransient: true, bouncedHard: true, bounced: true, suppressed: true,
	},
}

// mailing is for email and push: a bounce often comes after the hand-off, and
// providers retry under the same id.
var mailing = rules{
	rank: [slots]uint8{
		queued: 10, sent: 20, deferred: 30, canceled: 40, delivered: 50, read: 55,
		failed: 60, failedTransient: 60, suppressed: 60, bouncedHard: 70, bounced: 70,
	},
	yields:    [slots]bool{failed: true, failedTransient: true, suppressed: true, bounced: true},
	conflicts: [slots]bool{canceled: true, failed: true, suppressed: true},
	infers:    true,
}

func rulesOf(c sdk.Channel) *rules {
	if c == sdk.Email || c == sdk.Push {
		return &mailing
	}
	return &messaging
}

// same is how far apart two times may be and still count as equal, in
// microseconds: some providers report seconds, others milliseconds.
const same = 1_000_000

// engagement is a kind of event that is not about delivery.
type engagement uint8

const (
	opened engagement = iota
	clicked
	replied
	converted
	complained
	optedOut
	engagements
)

// proves lists the engagements that show that the message arrived.
var proves = [...]engagement{opened, clicked, replied, converted}

func engagementOf(t sdk.EventType) (engagement, bool) {
	switch t {
	case sdk.Opened:
		return opened, true
	case sdk.Clicked:
		return clicked, true
	case sdk.Replied:
		return replied, true
	case sdk.Converted:
		return converted, true
	case sdk.Complained:
		return complained, true
	case sdk.OptedOut:
		return optedOut, true
	}
	return 0, false
}
