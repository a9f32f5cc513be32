package twilio

import (
	"strconv"
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// parseBody reads a callback sent as a form.
func (p *parser) parseBody(i int, body string) *reject {
	var err error
	if p.form, err = parseForm(p.form[:0], body, func(string) bool { return true }); err != nil {
		return &reject{sdk.Malformed, err}
	}
	return p.callback(i)
}

// capital reports whether a parameter of a query is Twilio's own, which begin
// with a capital letter. The others were added to the URL by the sender.
func capital(key string) bool { return key != "" && 'A' <= key[0] && key[0] <= 'Z' }

// parseQuery reads a callback sent as a query.
func (p *parser) parseQuery(i int, query string) *reject {
	all, err := parseForm(p.form[:0], query, capital)
	if err != nil {
		return &reject{sdk.Malformed, err}
	}
	own := all[:0]
	p.tags = p.tags[:0]
	for _, f := range all {
		if capital(f.key) {
			own = append(own, f)
		} else {
			p.tags = addTag(p.tags, f.key, f.value)
		}
	}
	p.form = own
	return p.callback(i)
}

func (p *parser) get(names ...string) string {
	for _, n := range names {
		if v, _ := lookup(p.form, n); v != "" {
			return v
		}
	}
	return ""
}

// callback makes the events of the form at hand.
func (p *parser) callback(i int) *reject {
	m := message{
		sid: p.get("MessageSid", "SmsSid", "SmsMessageSid"), account: p.get("AccountSid"),
		from: p.get("From"), to: p.get("To"), service: p.get("MessagingServiceSid"),
		word: p.get("MessageStatus", "SmsStatus"), code: errorCode(p.get("ErrorCode")), reason: p.get("ErrorMessage"),
	}
	if bad := p.check(&m); bad != nil {
		return bad
	}
	_, isStatus := lookup(p.form, "MessageStatus")
	_, hasMedia := lookup(p.form, "NumMedia")
	_, hasBody := lookup(p.form, "Body")
	switch word := fold(m.word); {
	case word == "receiving":
		p.out.Ignore(i, "receiving") // received follows
		return nil
	case word == "received", !isStatus && (hasMedia || hasBody):
		m.inbound = true
		m.known = word == "received" || word == ""
		if word == "" {
			m.word = "received"
		}
		m.repliedTo, m.optOut = p.get("OriginalRepliedMessageSid"), p.get("OptOutType")
	}
	m.attrs = p.attributes()
	p.add(i, &m)
	return nil
}

// names are the parameters that become attributes. The others stay in the
// payload, where expressions reach them.
var names = map[string]string{
	"Body": sdk.AttrText, "NumSegments": "num_segments", "NumMedia": "num_media", "RawDlrDoneDate": "raw_dlr_done_date",
	"FromCountry": "from_country", "FromState": "from_state", "FromCity": "from_city", "FromZip": "from_zip",
	"ProfileName": "profile_name", "WaId": "wa_id", "ButtonText": "button_text", "ButtonPayload": "button_payload",
	"Forwarded": "forwarded", "ReferralSourceUrl": "referral_source_url", "ReferralCtwaClid": "referral_ctwa_clid",
}

// attributes are those of the form at hand, in its order.
func (p *parser) attributes() sdk.Attributes {
	var out sdk.Attributes
	for _, f := range p.form {
		name := names[f.key]
		if name == "" {
			name = mediaName(f.key)
		}
		if name == "" || f.value == "" {
			continue
		}
		out = append(out, sdk.Attribute{Name: name, Value: f.value})
		if f.key == "ButtonText" {
			out.Set("interaction", "button")
		}
	}
	return out
}

// mediaName is the attribute of MediaUrl0, MediaContentType0 and so on, empty
// for other parameters.
func mediaName(key string) string {
	name, number := "media_url_", ""
	if rest, ok := strings.CutPrefix(key, "MediaUrl"); ok {
		number = rest
	} else if rest, ok := strings.CutPrefix(key, "MediaContentType"); ok {
		name, number = "media_type_", rest
	}
	if n, err := strconv.ParseUint(number, 10, 8); err != nil || strconv.FormatUint(n, 10) != number {
		return ""
	}
	return name + number
}
