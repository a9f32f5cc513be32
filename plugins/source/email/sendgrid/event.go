package sendgrid

import (
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// fill writes what was read into e.
func (f *fields) fill(e *sdk.Event, a *arena) {
	e.Channel, e.Direction = sdk.Email, sdk.Outbound
	e.ProviderStatus, e.StatusCode = f.word, f.status
	e.MessageID, e.Recipient, e.CustomerID = f.messageID, f.email, f.customer
	e.CampaignID = firstSet(f.campaign, f.singleSend, f.marketing, f.category)
	// The Message-ID header: what answers refer to.
	e.ConversationID = firstSet(f.conversation, f.smtpID)

	at, timed := parseTime(f.stamp)
	if timed {
		e.Time = at
	} else {
		f.attr("timestamp", f.stamp)
	}
	f.setReason(e)
	switch {
	case f.categories == "":
	case f.oneCategory:
		f.attr("categories", a.join("[", f.categories, "]"))
	default:
		f.attr("categories", f.categories)
	}
	if f.machine {
		f.attr(sdk.AttrMachine, "true")
	}
	f.classify(a)
	e.Attributes = a.keep(f.attrs)
	f.identify(e, at, timed, a)
}

// setReason says why the event is not a success. What the receiving server said
// ("response") is the reason of a failure alone: of a success it is no error,
// and of a word that is not known nobody can say.
func (f *fields) setReason(e *sdk.Event) {
	e.ErrorReason = f.reason
	if f.reason == "" && f.is("deferred", "bounce", "dropped") {
		e.ErrorReason = f.response
		return
	}
	f.attr("response", f.response)
}

// classify sets what the mapping table cannot know, because it depends on
// members that are neither code nor reason.
func (f *fields) classify(a *arena) {
	switch {
	case f.is("bounce"):
		switch f.bounceType {
		case "", "bounce": // the table's row
		case "blocked":
			f.attr(sdk.AttrBounceClass, "block")
		default: // a type of the future: not ours to guess
			f.attr(sdk.AttrBounceClass, "other")
		}
	case f.group != "" && f.is("group_unsubscribe", "group_resubscribe"):
		f.attr(sdk.AttrConsentScope, a.join("group:", f.group))
	}
}

// is reports whether the event's word is one of words, compared as the mapping
// table does.
func (f *fields) is(words ...string) bool {
	word := strings.TrimSpace(f.word)
	for _, w := range words {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

// identify sets the event's identities (I8). They depend on what SendGrid sent
// and on nothing else.
func (f *fields) identify(e *sdk.Event, at time.Time, timed bool, a *arena) {
	if f.eventID != "" {
		e.ProviderID = a.join(f.eventID, "|", f.word, "|", f.email)
	}
	// Without a message it would be one identity for all that happened to an
	// address in a second.
	message := firstSet(f.messageID, f.smtpID)
	if message == "" || !timed {
		return
	}
	link := ""
	if f.is("click") { // one may follow several links in a second
		link = f.url
	}
	var second [20]byte
	content := a.join("content|", message, "|", f.email, "|", f.word, "|",
		string(strconv.AppendInt(second[:0], at.Unix(), 10)), "|", link)
	if e.ProviderID == "" {
		e.ProviderID = content
		return
	}
	e.Identities = a.one(content)
}

func firstSet(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// parseTime reads a Unix time in seconds or milliseconds, with or without a
// fraction: SendGrid documents seconds and has samples in milliseconds. The size
// tells them apart: 10^11 seconds are the year 5138, 10^11 milliseconds 1973.
func parseTime(text string) (time.Time, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	n, ok := digits(whole)
	if !ok || len(whole) > 14 {
		return time.Time{}, false
	}
	unit, places := int64(1e6), 6 // of a microsecond, the precision of events
	if n >= 1e11 {
		unit, places = 1e3, 3
	}
	micros := n * unit
	if point {
		if _, ok := digits(fraction); !ok {
			return time.Time{}, false
		}
		part, _ := digits((fraction + "000000")[:places])
		micros += part
	}
	return time.UnixMicro(micros).UTC(), true
}

// digits reads a number of one or more decimal digits; its value is of use up
// to 18 of them.
func digits(text string) (n int64, ok bool) {
	for i := range len(text) {
		c := text[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, text != ""
}
