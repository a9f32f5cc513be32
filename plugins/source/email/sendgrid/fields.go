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
	campaign, singleSend, marketing         string // in the order of preference
	category, conversation, customer        string
	machine                                 bool
	attrs                                   sdk.Attributes // the rest, and what is of use as both
	categories                              string         // of category, a JSON array or the member of one
	oneCategory                             bool
}

// read reads the element v of text. An error comes with its code.
func (f *fields) read(text string, v jsonscan.Value) (code string, err error) {
	if v.Kind != jsonscan.Object {
		return sdk.Malformed, errNotObject
	}
	if v.Fault != 0 {
		return v.Fault.Code(), errFault
	}
	*f = fields{attrs: f.attrs[:0]}
	var keys jsonscan.Keys
	n := 0
	for it := jsonscan.Walk(text, v); it.Next(); n++ {
		if n == maxMembers {
			return codeTooManyMembers, errTooManyMembers
		}
		key := it.Key.Text(text)
		if !keys.Add(key) {
			return jsonscan.DuplicateKey.Code(), errFault
		}
		nested := it.Value.Kind == jsonscan.Object || it.Value.Kind == jsonscan.Array
		if nested && jsonscan.Check(text, it.Value) != 0 {
			return jsonscan.DuplicateKey.Code(), errFault
		}
		if known := f.set(text, key, it.Value); known && nested {
			return sdk.Malformed, errNested
		}
	}
	if f.word == "" {
		return sdk.Malformed, errNoWord
	}
	return "", nil
}

// set takes one member. It reports whether the member must be a text.
func (f *fields) set(text, key string, v jsonscan.Value) (known bool) {
	value := v.Text(text)
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
		f.other(text, key, value, v)
		return false
	}
	return true
}

// other takes a member that may be of any kind.
func (f *fields) other(text, key, value string, v jsonscan.Value) {
	switch key {
	case "category":
		f.setCategory(text, value, v)
		return
	case "singlesend_id":
		f.singleSend = value
	case "marketing_campaign_id":
		f.marketing = value
	}
	f.attr(attributeName(key), value)
}

// setCategory takes category, which is a text or an array of texts.
func (f *fields) setCategory(text, value string, v jsonscan.Value) {
	if v.Kind != jsonscan.Array {
		if value != "" {
			f.category, f.categories, f.oneCategory = value, v.Raw(text), true
		}
		return
	}
	it := jsonscan.Walk(text, v)
	if it.Next() {
		f.category, f.categories = it.Value.Text(text), v.Raw(text)
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
