package console

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
)

// document is an event as sinks write it, and as patchbay events -json lists it.
type document struct {
	EventID        string            `json:"event_id"`
	MessageID      string            `json:"message_id"`
	ConversationID string            `json:"conversation_id"`
	CustomerID     string            `json:"customer_id"`
	CampaignID     string            `json:"campaign_id"`
	Account        string            `json:"account"`
	Channel        string            `json:"channel"`
	Direction      string            `json:"direction"`
	EventType      string            `json:"event_type"`
	EventTimestamp *time.Time        `json:"event_timestamp"`
	ReceivedAt     *time.Time        `json:"received_at"`
	Provider       string            `json:"provider"`
	Source         string            `json:"source"`
	DeliveryStatus string            `json:"delivery_status"`
	ProviderStatus string            `json:"provider_status"`
	StatusCode     string            `json:"status_code"`
	ErrorReason    string            `json:"error_reason"`
	Recipient      string            `json:"recipient"`
	Sender         string            `json:"sender"`
	Attributes     map[string]string `json:"attributes"`
	Payload        json.RawMessage   `json:"source_payload"`
	PayloadBase64  string            `json:"source_payload_base64"`
}

// ParseEvent reads an event as sinks write it. Names that no event has are an
// error: a misspelt one would look like a missing field.
func ParseEvent(data []byte) (*sdk.Event, error) {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fmt.Errorf("console: event: it is not a JSON object: %w", err)
	}
	d := new(document)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("console: event: %w", err)
	}
	known := map[string]bool{"raw_offset": true, "raw_index": true}
	for _, name := range documentNames() {
		known[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !known[name] {
			return nil, fmt.Errorf("console: event: there is no field %q", name)
		}
	}
	return d.event()
}

// documentNames lists the names of a document's members.
func documentNames() []string {
	data, _ := json.Marshal(document{}) // of plain fields
	var names map[string]json.RawMessage
	_ = json.Unmarshal(data, &names)
	return slices.Sorted(maps.Keys(names))
}

func (d *document) event() (*sdk.Event, error) {
	e := &sdk.Event{
		MessageID: d.MessageID, ConversationID: d.ConversationID, CustomerID: d.CustomerID, CampaignID: d.CampaignID,
		Account: d.Account, Provider: d.Provider, Source: d.Source, ProviderStatus: d.ProviderStatus,
		StatusCode: d.StatusCode, ErrorReason: d.ErrorReason, Recipient: d.Recipient, Sender: d.Sender,
	}
	var errs []error
	word(&errs, &e.Channel, d.Channel, sdk.ParseChannel)
	word(&errs, &e.Direction, d.Direction, sdk.ParseDirection)
	word(&errs, &e.Type, d.EventType, sdk.ParseEventType)
	word(&errs, &e.DeliveryStatus, d.DeliveryStatus, sdk.ParseDeliveryStatus)
	word(&errs, &e.ID, d.EventID, sdk.ParseID)
	if d.EventTimestamp != nil {
		e.Time = d.EventTimestamp.UTC()
	}
	if d.ReceivedAt != nil {
		e.ReceivedAt = d.ReceivedAt.UTC()
	}
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		e.Attributes.Set(name, d.Attributes[name])
	}
	var err error
	if e.SourcePayload, err = d.payload(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("console: event: %w", err)
	}
	return e, nil
}

func word[T any](errs *[]error, to *T, text string, parse func(string) (T, error)) {
	if text == "" {
		return
	}
	v, err := parse(text)
	if err != nil {
		*errs = append(*errs, err)
		return
	}
	*to = v
}

// payload is the provider's document: JSON is embedded as it is, other text as a
// string.
func (d *document) payload() ([]byte, error) {
	if d.PayloadBase64 != "" {
		b, err := base64.StdEncoding.DecodeString(d.PayloadBase64)
		if err != nil {
			return nil, fmt.Errorf("source_payload_base64: %w", err)
		}
		return b, nil
	}
	var text string
	if json.Unmarshal(d.Payload, &text) == nil {
		return []byte(text), nil
	}
	return d.Payload, nil
}

// FromJournal makes an event of what a journal tells of it unmasked. Its
// payload is not part of that.
func FromJournal(in *inspect.Event) (*sdk.Event, error) {
	d := document{
		EventID: in.EventID, MessageID: in.MessageID, ConversationID: in.ConversationID, CustomerID: in.CustomerID,
		CampaignID: in.CampaignID, Account: in.Account, Provider: in.Provider, Channel: in.Channel, Direction: in.Direction, EventType: in.EventType,
		DeliveryStatus: in.DeliveryStatus, ProviderStatus: in.ProviderStatus, StatusCode: in.StatusCode,
		ErrorReason: in.ErrorReason, Recipient: in.Recipient, Sender: in.Sender, EventTimestamp: &in.Time,
		ReceivedAt: &in.ReceivedAt, Source: in.Source, Attributes: in.Attributes,
	}
	return d.event()
}
