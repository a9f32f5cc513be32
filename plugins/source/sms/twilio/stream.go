package twilio

import (
	"errors"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/plugins/source/internal/jsonscan"
	"github.com/patchbay-io/patchbay/sdk"
)

// parseStream reads what Event Streams send: one CloudEvent or an array of them.
func (p *parser) parseStream(i int, body string) *reject {
	v, err := jsonscan.Document(body)
	if err != nil {
		return &reject{sdk.Malformed, err}
	}
	switch v.Kind {
	case jsonscan.Object:
		return p.single(i, body, v)
	case jsonscan.Array:
		p.array(i, body, v)
		return nil
	}
	return &reject{sdk.Malformed, errors.New("neither a CloudEvent nor an array of them")}
}

// single reads a body that is one CloudEvent.
func (p *parser) single(i int, body string, v jsonscan.Value) *reject {
	m, test, bad := p.cloudEvent(body, v)
	switch {
	case bad != nil:
		return bad
	case test:
		p.out.Ignore(i, "test")
	default:
		p.add(i, m)
	}
	return nil
}

// array reads a body that is an array of CloudEvents: those that cannot be
// understood are rejected by themselves.
func (p *parser) array(i int, body string, v jsonscan.Value) {
	seen := false // anything that is accounted for
	for it, k := jsonscan.Walk(body, v), 0; it.Next(); k++ {
		m, test, bad := p.cloudEvent(body, it.Value)
		switch {
		case bad != nil:
			p.out.RejectPart(i, k, it.Value.Start, it.Value.End-it.Value.Start, bad.code, bad.err)
		case test:
			continue
		default:
			p.add(i, m)
		}
		seen = true
	}
	if !seen {
		p.out.Ignore(i, "test") // an empty array, or nothing but tests
	}
}

// The types of Event Streams that this source knows.
const (
	typeAny     = "com.twilio.messaging."
	typeMessage = "com.twilio.messaging.message."
	typeInbound = "com.twilio.messaging.inbound-message."
	typeLink    = "com.twilio.daptbt.link-shortening."
	typeTest    = "com.twilio.eventstreams.test-event"
)

// cloudEvent reads one CloudEvent. test says that it is nothing but a trial.
func (p *parser) cloudEvent(body string, v jsonscan.Value) (m *message, test bool, bad *reject) {
	if v.Kind != jsonscan.Object {
		return nil, false, &reject{sdk.Malformed, errors.New("not a CloudEvent")}
	}
	if f := jsonscan.Check(body, v); f != 0 {
		return nil, false, &reject{f.Code(), errors.New("the CloudEvent is ambiguous or no text")}
	}
	m = &message{start: v.Start, end: v.End}
	var kind, source, at string
	var data jsonscan.Value
	for it := jsonscan.Walk(body, v); it.Next(); {
		switch it.Key.Text(body) {
		case "type":
			kind = it.Value.Text(body)
		case "source":
			source = it.Value.Text(body)
		case "id":
			m.cloudEvent = it.Value.Text(body)
		case "time":
			at = it.Value.Text(body)
		case "data":
			data = it.Value
		}
	}
	switch {
	case kind == typeTest:
		return nil, true, nil
	case kind == "":
		return nil, false, &reject{sdk.Malformed, errors.New("a CloudEvent without a type")}
	case !strings.HasPrefix(kind, typeAny) && !strings.HasPrefix(kind, typeLink):
		return nil, false, &reject{sdk.Unsupported, errors.New("not an event of a message")}
	}
	m.at = parseTime(at)
	m.readData(body, data)
	m.account = orElse(m.account, accountOf(source))
	m.classify(kind)
	return m, false, p.check(m)
}

// classify sets what the type of the CloudEvent says.
func (m *message) classify(kind string) {
	last := kind[strings.LastIndexByte(kind, '.')+1:]
	switch {
	case strings.HasPrefix(kind, typeInbound):
		m.inbound = true
		m.word = orElse(m.word, last)
		m.known = last == "received" && fold(m.word) == last
	case strings.HasPrefix(kind, typeMessage):
		m.word = orElse(m.word, last)
	case strings.HasPrefix(kind, typeLink):
		// Clicks repeat: the link and the time tell them apart, or else the event.
		m.word = last
		url, _ := m.attrs.Get(sdk.AttrURL)
		m.extra = []string{url, m.at.UTC().Format(time.RFC3339Nano)}
		if m.at.IsZero() {
			m.extra[1] = m.cloudEvent
		}
	default:
		m.word = last
	}
}

// readData reads the CloudEvent's data. Twilio writes the names of some types in
// camel case and of others with underscores.
func (m *message) readData(body string, data jsonscan.Value) {
	if data.Kind != jsonscan.Object {
		return
	}
	for it := jsonscan.Walk(body, data); it.Next(); {
		value := it.Value.Text(body)
		switch name := strings.ToLower(strings.ReplaceAll(it.Key.Text(body), "_", "")); name {
		case "messagesid", "smssid":
			m.sid = orElse(m.sid, value)
		case "accountsid":
			m.account = value
		case "from":
			m.from = value
		case "to":
			m.to = value
		case "messagingservicesid":
			m.service = value
		case "messagestatus":
			m.word = value
		case "errorcode":
			m.code = errorCode(value)
		case "errormessage":
			m.reason = value
		case "optouttype":
			m.optOut = value
		case "timestamp", "clicktime":
			if at := parseTime(value); !at.IsZero() {
				m.at = at
			}
		case "tags":
			m.readTags(body, it.Value)
		default:
			m.readAttribute(name, value, it.Value.Kind)
		}
	}
}

// streamNames are the members of data that become attributes.
var streamNames = map[string]string{
	"body": sdk.AttrText, "link": sdk.AttrURL, "numberofsegments": "num_segments", "numsegments": "num_segments",
	"nummedia": "num_media", "rawdlrdonedate": "raw_dlr_done_date", "mcc": "mcc", "mnc": "mnc",
	"fromcountry": "from_country", "fromstate": "from_state", "fromcity": "from_city", "fromzip": "from_zip",
	"useragent": "user_agent", "shortenedlink": "shortened_link", "recipients": "recipients",
	"referralctwaclid": "referral_ctwa_clid",
}

func (m *message) readAttribute(name, value string, kind jsonscan.Kind) {
	attr := streamNames[name]
	if attr == "" || value == "" || (kind == jsonscan.Array && value == "[]") {
		return
	}
	m.attrs.Set(attr, value)
}

func (m *message) readTags(body string, v jsonscan.Value) {
	if v.Kind != jsonscan.Object {
		return
	}
	for it := jsonscan.Walk(body, v); it.Next() && len(m.tags) < maxParams; {
		m.tags = append(m.tags, param{it.Key.Text(body), it.Value.Text(body)})
	}
}

// parseTime reads an RFC 3339 time; anything else is no time, which refuses
// nothing.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// accountOf finds the account in a CloudEvent's source, which is a path such as
// /2010-04-01/Accounts/AC…/Messages/SM….json.
func accountOf(source string) string {
	_, rest, ok := strings.Cut(source, "/Accounts/")
	if !ok {
		return ""
	}
	account, _, _ := strings.Cut(rest, "/")
	return account
}
