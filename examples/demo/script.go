package main

import "github.com/patchbay-io/patchbay/core/lab"

const (
	publicURL    = "https://hooks.example.com" // as patchbay.hcl says
	twilioPath   = "/hooks/twilio/support"
	sendgridPath = "/hooks/sendgrid/marketing"
)

// How much is sent.
const (
	messages   = 400 // by SMS, each with three callbacks
	arrays     = 12  // of emails' events, before the crash
	arraySize  = 25
	largeArray = 500 // after it
)

// The numbers are Twilio's own examples and belong to nobody.
const (
	ours   = "+15017122661"
	theirs = "+15558675310"
)

// script is everything that the providers send, in order. What is under way when
// the core is killed, in the middle, are requests with one event each: a request
// that was cut off was stored or not, and either way the account is exact.
func (p *provider) script() ([]*call, error) {
	callbacks := p.callbacks()
	var out []*call
	for n := range arrays {
		c, err := p.array(n*arraySize, arraySize)
		if err != nil {
			return nil, err
		}
		at := n * 30
		out = append(append(out, callbacks[at:at+30]...), c)
	}
	out = append(out, callbacks[arrays*30:]...)
	last, err := p.ending()
	return append(out, last...), err
}

// callbacks are three of each message: queued, sent, and how it ended. Of every
// seventh message the last comes before the others, of every fifth it comes
// twice.
func (p *provider) callbacks() []*call {
	var out []*call
	for n := range messages {
		sid := lab.SID(0xde300, n)
		queued, sent, end := p.callback(sid, n, "queued", ""), p.callback(sid, n, "sent", ""), p.callback(sid, n, "delivered", "")
		if n%9 == 4 {
			end = p.callback(sid, n, "undelivered", "30003")
		}
		group := []*call{queued, sent, end}
		if n%7 == 0 {
			group = []*call{end, sent, queued}
		}
		if n%5 == 0 {
			group = append(group, end)
		}
		out = append(out, group...)
	}
	p.story = lab.SID(0xde300, 0)
	return out
}

// callback is Twilio's report of one status of one message.
func (p *provider) callback(sid string, n int, word, code string) *call {
	fields := map[string]string{
		"AccountSid": "AC5ef872f6da5a21de157d80997a64bd33", "ApiVersion": "2010-04-01", "From": ours, "To": theirs,
		"MessageSid": sid, "MessageStatus": word, "SmsSid": sid, "SmsStatus": word,
	}
	if code != "" {
		fields["ErrorCode"] = code
	}
	campaign := [...]string{"autumn-sms", "parcel-sms"}[n%2]
	return &call{
		raw:   p.twilio.Request(p.addr, twilioPath, "campaign_id="+campaign, fields),
		facts: []fact{{sid, word}},
	}
}

// array is SendGrid's report of several events.
func (p *provider) array(first, n int) (*call, error) {
	c := &call{}
	for i := first; i < first+n; i++ {
		message, word := lab.SendGridFact(0xde301, i)
		c.facts = append(c.facts, fact{message, word})
	}
	var err error
	c.raw, err = p.sendgrid.Request(p.addr, sendgridPath, p.sendgrid.Array(0xde301, first, n))
	return c, err
}

// ending is what else real traffic holds.
func (p *provider) ending() ([]*call, error) {
	large, err := p.array(arrays*arraySize, largeArray)
	if err != nil {
		return nil, err
	}
	again, err := p.array(0, arraySize) // an array that was acknowledged long ago
	if err != nil {
		return nil, err
	}
	body := func(text string) ([]byte, error) { return p.sendgrid.Request(p.addr, sendgridPath, []byte(text)) }
	malformed, err := body(`[{"event":"delivered","email":"person@example.com","sg_event_id":`)
	if err != nil {
		return nil, err
	}
	one, two := `{"event":"open","sg_event_id":"part-1","sg_message_id":"part","email":"a@example.com","timestamp":1795000000}`,
		`{"event":"click","sg_event_id":"part-2","sg_message_id":"part","email":"a@example.com","timestamp":1795000001}`
	partly, err := body("[" + one + `, "not an event", ` + two + "]")
	if err != nil {
		return nil, err
	}
	return []*call{
		large, again, p.stop(), p.callback(lab.SID(0xde302, 1), 1, "teleported", ""),
		{raw: malformed, broken: 1},
		{raw: partly, broken: 1, facts: []fact{{"part", "open"}, {"part", "click"}}},
		p.forged(), p.forged(),
	}, nil
}

// stop is a customer who wants no more messages: an inbound message, and the
// withdrawal of a consent.
func (p *provider) stop() *call {
	sid := lab.SID(0xde302, 0)
	return &call{
		raw: p.twilio.Request(p.addr, twilioPath, "", map[string]string{
			"AccountSid": "AC5ef872f6da5a21de157d80997a64bd33", "ApiVersion": "2010-04-01", "From": theirs, "To": ours,
			"MessageSid": sid, "SmsMessageSid": sid, "SmsSid": sid, "SmsStatus": "received", "Body": "STOP",
			"OptOutType": "STOP", "NumMedia": "0", "NumSegments": "1",
		}),
		facts: []fact{{sid, "received"}, {sid, "STOP"}},
	}
}

// forged is signed by somebody who does not know the secret.
func (p *provider) forged() *call {
	stranger := lab.NewTwilio("a guess", publicURL+twilioPath)
	sid := lab.SID(0xde302, 2)
	return &call{forged: true, raw: stranger.Request(p.addr, twilioPath, "", map[string]string{
		"AccountSid": "AC5ef872f6da5a21de157d80997a64bd33", "From": ours, "To": theirs,
		"MessageSid": sid, "MessageStatus": "delivered",
	})}
}
