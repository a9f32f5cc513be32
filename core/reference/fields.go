package reference

import (
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// Fields lists what expressions find below event, in the order of the event's
// definition.
func Fields() []Field {
	words := func(all []string) string { return "One of " + strings.Join(all, ", ") + "." }
	return []Field{
		{"event_id", "string", "Identifies the event: the same provider event has the same id on any machine."},
		{"message_id", "string", "The provider's id of the message."},
		{"conversation_id", "string", "The exchange that the message belongs to."},
		{"customer_id", "string", "Your own id of the person; enrichment usually sets it."},
		{"campaign_id", "string", "What was sent: the campaign, template or category."},
		{"account", "string", "The provider's account."},
		{"channel", "word", words(sdk.Channels())},
		{"direction", "word", words(sdk.Directions())},
		{"event_type", "word", "What happened. normalize sets it; " + lowerFirst(words(sdk.EventTypes()))},
		{"event_timestamp", "time", "When it happened, by the provider's clock."},
		{"received_at", "time", "When patchbay had stored the request."},
		{"provider", "string", "The source's type, for instance twilio."},
		{"source", "string", "The source's address, for instance twilio.support."},
		{"delivery_status", "word", "Where the message is. normalize sets it; " + lowerFirst(words(sdk.DeliveryStatuses()))},
		{"provider_status", "string", "The provider's own word, as sent."},
		{"status_code", "string", "The provider's own code, as sent."},
		{"error_reason", "string", "Why it failed, in the provider's words."},
		{"recipient", "string", "Whom the message is for: a phone number as +447700900123, or as sent."},
		{"sender", "string", "Whom the message is from."},
		{"attributes.NAME", "string", "What providers and enrichment add. metadata.NAME is the same."},
		{"payload.PATH", "any", "The provider's own document: event.payload.a.b, event.payload.list[0]. Values of forms are strings."},
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
