package sendgrid

import (
	"strings"

	"github.com/patchbay-io/patchbay/plugins/source/internal/jsonscan"
	"github.com/patchbay-io/patchbay/sdk"
)

// fields is what one element of a request says. It is used again for the next.
type fields struct {
	word, email, eventID, messageID, smtpID string
	status, reason, response                string
	bounceType, group, url, stamp           string
	conversation, customer                  string
	machine                                 bool

	// What may name the campaign, in the order of preference.
	campaign, singleSend, marketing, category string

	// categories is the JSON text of category: an array, or the only member of
	// one.
	categories  string
	oneCategory bool

	// attrs is every other member. It is memory of this struct: an event gets
	// a copy.
	attrs sdk.Attributes
}

// read reads the element at node n. An error comes with its code.
func (f *fields) read(text string, tape *jsonscan.Tape, n jsonscan.Node) (code string, err error) {
	v := tape.Value(n)
	if v.Kind != jsonscan.Object {
		return sdk.Malformed, errNotObject
	}
	if v.Fault != 0 {
		return v.Fault.Code(), errFault
	}
	*f = fields{attrs: f.attrs[:0]}
	var keys jsonscan.Keys
	members := 0
	for k, end := n+1, tape.Next(n); k < end; k = tape.Next(k + 1) {
		if members++; members > maxMembers {
			return codeTooManyMembers, errTooManyMembers
		}
		key, value := tape.Value(k).Text(text), tape.Value(k+1)
		nested := value.Kind == jsonscan.Object || value.Kind == jsonscan.Array
		if !keys.Add(key) || (nested && tape.Check(text, k+1) != 0) {
			return jsonscan.DuplicateKey.Code(), errFault
		}
		if key == "category" {
			f.setCategory(text, tape, k+1)
		} else if known := f.set(key, value.Text(text)); known && nested {
			return sdk.Malformed, errNested
		}
	}
	if f.word == "" {
		return sdk.Malformed, errNoWord
	}
	return "", nil
}

// set takes one member. It reports whether the member must be a text.
func (f *fields) set(key, value string) (known bool) {
	switch key {
	case "event":
		f.word = value
	case "email":
		f.email = value
	case "sg_event_id":
		f.eventID = value
	case "sg_message_id":
		f.messageID = value
	case "smtp-id":
		f.smtpID = value
		f.attr("smtp_id", value)
	case "timestamp":
		f.stamp = value
	case "status":
		f.status = value
	case "reason":
		f.reason = value
	case "response":
		f.response = value
	case "url":
		f.url = value
		f.attr(sdk.AttrURL, value)
	case "type":
		f.bounceType = value
		f.attr(key, value)
	case "asm_group_id":
		f.group = value
		f.attr(key, value)
	case "sg_machine_open":
		f.machine = value == "true"
	case "campaign_id":
		f.campaign = value
	case "customer_id":
		f.customer = value
	case "conversation_id":
		f.conversation = value
	default:
		f.other(key, value)
		return false
	}
	return true
}

// other takes a member that may be of any kind.
func (f *fields) other(key, value string) {
	switch key {
	case "singlesend_id":
		f.singleSend = value
	case "marketing_campaign_id":
		f.marketing = value
	}
	f.attr(attributeName(key), value)
}

// setCategory takes category, which is a text or an array of texts.
func (f *fields) setCategory(text string, tape *jsonscan.Tape, n jsonscan.Node) {
	v := tape.Value(n)
	switch {
	case v.Kind != jsonscan.Array:
		if f.category = v.Text(text); f.category != "" {
			f.categories, f.oneCategory = v.Raw(text), true
		}
	case tape.Next(n) > n+1:
		f.category, f.categories = tape.Value(n+1).Text(text), v.Raw(text)
	}
}

func (f *fields) attr(name, value string) {
	if value != "" {
		f.attrs = append(f.attrs, sdk.Attribute{Name: name, Value: value})
	}
}

// customPrefix keeps a sender's own argument apart from an attribute with a
// fixed meaning.
const customPrefix = "custom_"

// attributeName returns the name of the attribute for a member. Two members
// never share one: a name that looks as if it had been changed is changed too.
func attributeName(key string) string {
	base := key
	for strings.HasPrefix(base, customPrefix) {
		base = base[len(customPrefix):]
	}
	switch base {
	case "", sdk.AttrTimestampSource, sdk.AttrClockSuspect, sdk.AttrBounceClass, sdk.AttrMachine,
		sdk.AttrConsentScope, sdk.AttrText, "categories", "smtp_id":
		return customPrefix + key
	}
	return key
}
