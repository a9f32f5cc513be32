package expr

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/sdk"
)

// Scope says what an expression may refer to besides the event.
type Scope struct {
	// Context names the enclosing block in diagnostics.
	Context string
	// Found allows found.COLUMN.
	Found bool
	// Columns are the columns that found has. Nil means that they aren't known
	// and any name will do.
	Columns []string
	// Static are further roots with objects of values, e.g. "var". They become
	// constants. A marked value (a secret) is refused.
	Static map[string]cty.Value
}

// Fields lists the names under event, in the order of the event's definition.
func Fields() []string {
	return []string{
		"event_id", "message_id", "conversation_id", "customer_id", "campaign_id", "account", "channel", "direction",
		"event_type", "event_timestamp", "received_at", "provider", "source", "delivery_status", "provider_status",
		"status_code", "error_reason", "recipient", "sender",
	}
}

// textField returns what reads a field whose empty value means null.
func textField(name string) func(*sdk.Event) string {
	switch name {
	case "message_id":
		return func(e *sdk.Event) string { return e.MessageID }
	case "conversation_id":
		return func(e *sdk.Event) string { return e.ConversationID }
	case "customer_id":
		return func(e *sdk.Event) string { return e.CustomerID }
	case "campaign_id":
		return func(e *sdk.Event) string { return e.CampaignID }
	case "account":
		return func(e *sdk.Event) string { return e.Account }
	case "provider":
		return func(e *sdk.Event) string { return e.Provider }
	case "source":
		return func(e *sdk.Event) string { return e.Source }
	case "provider_status":
		return func(e *sdk.Event) string { return e.ProviderStatus }
	case "status_code":
		return func(e *sdk.Event) string { return e.StatusCode }
	case "error_reason":
		return func(e *sdk.Event) string { return e.ErrorReason }
	case "recipient":
		return func(e *sdk.Event) string { return e.Recipient }
	case "sender":
		return func(e *sdk.Event) string { return e.Sender }
	}
	return nil
}

// enumeration is a field that holds one of a fixed set of words.
type enumeration struct {
	field string
	words []string // words[i] has the number i+1
	get   func(*sdk.Event) uint8
	text  func(*sdk.Event) string
}

func enumField(name string) *enumeration {
	switch name {
	case "event_type":
		return &enumeration{
			name, sdk.EventTypes(),
			func(e *sdk.Event) uint8 { return uint8(e.Type) },
			func(e *sdk.Event) string { return e.Type.String() },
		}
	case "delivery_status":
		return &enumeration{
			name, sdk.DeliveryStatuses(),
			func(e *sdk.Event) uint8 { return uint8(e.DeliveryStatus) },
			func(e *sdk.Event) string { return e.DeliveryStatus.String() },
		}
	case "channel":
		return &enumeration{
			name, sdk.Channels(),
			func(e *sdk.Event) uint8 { return uint8(e.Channel) },
			func(e *sdk.Event) string { return e.Channel.String() },
		}
	case "direction":
		return &enumeration{
			name, sdk.Directions(),
			func(e *sdk.Event) uint8 { return uint8(e.Direction) },
			func(e *sdk.Event) string { return e.Direction.String() },
		}
	}
	return nil
}

// number returns the number of a word.
func (en *enumeration) number(word string) (uint8, bool) {
	for i, w := range en.words {
		if w == word {
			return uint8(i + 1), true
		}
	}
	return 0, false
}
