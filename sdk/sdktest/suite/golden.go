package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// result is what came of one request, as golden files show it. Only what is set
// appears, so that a difference is short.
type result struct {
	Events   []goldenEvent   `json:"events,omitempty"`
	Verdicts []goldenVerdict `json:"verdicts,omitempty"`
}

type goldenEvent struct {
	ProviderID     string           `json:"provider_id,omitempty"`
	Identities     []string         `json:"identities,omitempty"`
	MessageID      string           `json:"message_id,omitempty"`
	ConversationID string           `json:"conversation_id,omitempty"`
	CustomerID     string           `json:"customer_id,omitempty"`
	CampaignID     string           `json:"campaign_id,omitempty"`
	Account        string           `json:"account,omitempty"`
	Channel        string           `json:"channel,omitempty"`
	Direction      string           `json:"direction,omitempty"`
	Type           string           `json:"event_type,omitempty"`
	Time           string           `json:"event_timestamp,omitempty"`
	ProviderStatus string           `json:"provider_status,omitempty"`
	StatusCode     string           `json:"status_code,omitempty"`
	ErrorReason    string           `json:"error_reason,omitempty"`
	Recipient      string           `json:"recipient,omitempty"`
	Sender         string           `json:"sender,omitempty"`
	Attributes     goldenAttributes `json:"attributes,omitempty"`
	// Payload is the text of the event's own bytes, if they are not the whole body.
	Payload string `json:"payload,omitempty"`
}

type goldenVerdict struct {
	Kind    string `json:"kind"` // rejected or ignored
	Code    string `json:"code"`
	Reason  string `json:"reason,omitempty"`
	Part    *int   `json:"part,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// goldenAttributes are written as an object in the order in which they were set.
type goldenAttributes sdk.Attributes

func (a goldenAttributes) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range a {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := marshalText(a[i].Name)
		if err != nil {
			return nil, err
		}
		value, err := marshalText(a[i].Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// marshalText is json.Marshal that leaves <, > and & readable.
func marshalText(s string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return bytes.TrimRight(buf.Bytes(), "\n"), err
}

// results splits what Parse found by request.
func results(in []sdk.Delivery, p *sdk.Parsed) []result {
	out := make([]result, len(in))
	for i := range p.Events {
		e := &p.Events[i]
		d := e.DeliveryIndex()
		out[d].Events = append(out[d].Events, golden(e, in[d].Body))
	}
	for _, v := range p.Verdicts {
		g := goldenVerdict{Kind: "rejected", Code: v.Code, Reason: v.Reason}
		if v.Ignored {
			g.Kind = "ignored"
		}
		if v.Part {
			index := v.Index
			g.Part, g.Payload = &index, span(in[v.Delivery].Body, v.Offset, v.Length)
		}
		out[v.Delivery].Verdicts = append(out[v.Delivery].Verdicts, g)
	}
	return out
}

func golden(e *sdk.Event, body []byte) goldenEvent {
	g := goldenEvent{
		ProviderID: e.ProviderID, Identities: e.Identities, MessageID: e.MessageID, ConversationID: e.ConversationID,
		CustomerID: e.CustomerID, CampaignID: e.CampaignID, Account: e.Account, Channel: e.Channel.String(),
		Direction: e.Direction.String(), Type: e.Type.String(), ProviderStatus: e.ProviderStatus, StatusCode: e.StatusCode,
		ErrorReason: e.ErrorReason, Recipient: e.Recipient, Sender: e.Sender, Attributes: goldenAttributes(e.Attributes),
	}
	if !e.Time.IsZero() {
		g.Time = e.Time.UTC().Format(time.RFC3339Nano)
	}
	if e.PayloadOffset != 0 || e.PayloadLength != 0 {
		g.Payload = span(body, e.PayloadOffset, e.PayloadLength)
	}
	return g
}

// span is the text of bytes of a body. A wrong place is shown as such; the
// check of the spans reports it.
func span(body []byte, offset, length int) string {
	if !inside(body, offset, length) {
		return fmt.Sprintf("outside the body: %d+%d of %d", offset, length, len(body))
	}
	return string(body[offset : offset+length])
}

func inside(body []byte, offset, length int) bool {
	return offset >= 0 && length >= 0 && offset <= len(body) && length <= len(body)-offset
}

func (r result) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(r)
	return buf.Bytes(), err
}

// compareGolden compares got with the golden file, or writes it.
func compareGolden(r Reporter, file string, got result, write bool) {
	text, err := got.encode()
	if err != nil {
		r.Errorf("encode the result: %v", err)
		return
	}
	if write {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			r.Errorf("write golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.Errorf("read golden file (write it with -update): %v", err)
		return
	}
	if !bytes.Equal(text, want) {
		r.Errorf("%s differs:\n%s", file, difference(string(text), string(want)))
	}
}
