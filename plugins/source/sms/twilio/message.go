package twilio

import (
	"errors"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// message is what callbacks and Event Streams both say of a message.
type message struct {
	sid, account string
	from, to     string // as sent, with the network's prefix
	service      string // the Messaging Service
	word         string // Twilio's status, as sent
	code         string // Twilio's error code
	reason       string
	at           time.Time
	inbound      bool
	known        bool     // inbound, and nothing but received
	repliedTo    string   // our message that an inbound one quotes
	optOut       string   // STOP, START or HELP
	extra        []string // tells clicks of one message apart
	cloudEvent   string   // the CloudEvent's id
	tags         []param
	attrs        sdk.Attributes
	start, end   int // where it lies in the body; both zero: all of it
}

// check refuses what cannot be an event of this source.
func (p *parser) check(m *message) *reject {
	if m.sid == "" {
		return &reject{sdk.Unsupported, errors.New("no message SID")}
	}
	if p.source.account != "" && m.account != p.source.account {
		return &reject{CodeWrongAccount, errors.New("the event belongs to another account")}
	}
	return nil
}

// add adds the events of m to those of request i.
func (p *parser) add(i int, m *message) {
	e := p.event(i, m)
	e.ProviderStatus, e.StatusCode, e.ErrorReason = m.word, m.code, m.reason
	e.ProviderID = m.identity(m.word, m.code, m.extra...)
	if m.cloudEvent != "" {
		e.Identities = []string{join("cloudevent", m.cloudEvent)}
	}
	if m.known {
		e.Type = sdk.Received
		if m.repliedTo != "" {
			e.Type = sdk.Replied
			e.SetAttr("link_method", "payload")
			e.SetAttr("replied_to", m.repliedTo)
		}
	}
	e.Attributes = append(e.Attributes, m.attrs...)
	e.SetAttr("opt_out_type", m.optOut)
	if m.optOut == "" || strings.EqualFold(strings.TrimSpace(m.optOut), "HELP") {
		return
	}
	p.addConsent(i, m)
}

// addConsent adds the second event of a message with a keyword. The message's
// own event stays what it is: a message.
func (p *parser) addConsent(i int, m *message) {
	e := p.event(i, m)
	e.ProviderStatus = m.optOut
	e.ProviderID = m.identity("optout", m.optOut)
	if m.cloudEvent != "" {
		e.Identities = []string{join("cloudevent", m.cloudEvent, "optout")}
	}
	// A keyword sent to a Messaging Service covers all of its numbers.
	scope := "number:" + e.Recipient
	if m.service != "" {
		scope = "sender:" + m.service
	}
	e.SetAttr(sdk.AttrConsentScope, scope)
}

// event returns a new event with what all events of m have.
func (p *parser) event(i int, m *message) *sdk.Event {
	e := p.out.Add(i)
	e.MessageID, e.Account, e.Time, e.Direction = m.sid, m.account, m.at, sdk.Outbound
	if m.inbound {
		e.Direction = sdk.Inbound
	}
	if m.end != 0 {
		e.PayloadOffset, e.PayloadLength = m.start, m.end-m.start
	}
	e.Attributes = make(sdk.Attributes, 0, 4+len(m.attrs)+len(m.tags))
	p.addresses(e, m)
	p.labels(e, m)
	return e
}

// addresses fills in who wrote to whom, on which channel, in which conversation.
func (p *parser) addresses(e *sdk.Event, m *message) {
	toNetwork, to := splitAddress(m.to)
	fromNetwork, from := splitAddress(m.from)
	e.Recipient, e.Sender, e.Channel = to, from, sdk.SMS
	network := toNetwork
	if network == "" {
		network = fromNetwork
	}
	if network != "" && network != "rcs" {
		e.Channel = sdk.Chatbot
	}
	e.SetAttr("network", network)
	ours, theirs := m.from, m.to
	if m.inbound {
		ours, theirs = theirs, ours
	}
	// Callbacks before a Messaging Service has chosen a number have no sender.
	if ours != "" && theirs != "" {
		e.ConversationID = ours + "|" + theirs
	}
}

// splitAddress splits whatsapp:+15550100 into network and address. Phone numbers
// and alphanumeric senders have no colon.
func splitAddress(s string) (network, address string) {
	network, address, ok := strings.Cut(s, ":")
	if !ok || network == "" || address == "" {
		return "", s
	}
	return network, address
}

// labels fills in campaign, customer and tags.
func (p *parser) labels(e *sdk.Event, m *message) {
	for _, tags := range [...][]param{p.tags, m.tags} {
		for _, t := range tags {
			switch t.key {
			case "campaign_id":
				if e.CampaignID == "" {
					e.CampaignID = t.value
				}
			case "customer_id":
				if e.CustomerID == "" {
					e.CustomerID = t.value
				}
			default:
				e.SetAttr("tag_"+t.key, t.value)
			}
		}
	}
	e.SetAttr("messaging_service_sid", m.service)
	if e.CampaignID == "" && m.service != "" {
		e.CampaignID = m.service
		e.SetAttr("campaign_source", "messaging_service")
	}
}

// identity is what identifies a fact about m, on whichever way it came (I8).
func (m *message) identity(word, code string, extra ...string) string {
	return join(append([]string{m.account, m.sid, m.to, fold(word), fold(code)}, extra...)...)
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

var escapeBar = strings.NewReplacer("%", "%25", "|", "%7C")

// join joins parts so that no two lists give the same text.
func join(parts ...string) string {
	n := 0
	for _, part := range parts {
		n += len(part) + 1
	}
	var b strings.Builder
	b.Grow(n)
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('|')
		}
		if strings.ContainsAny(part, "%|") {
			part = escapeBar.Replace(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// errorCode returns the error code, empty for Twilio's way to say none.
func errorCode(s string) string {
	if s == "0" {
		return ""
	}
	return s
}
