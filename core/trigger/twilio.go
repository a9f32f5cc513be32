package trigger

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// twilio makes a status callback or an inbound message.
func twilio(s Spec) (*Request, error) {
	if s.Secret == "" {
		return nil, fmt.Errorf("%w: twilio signs with the source's auth_token, which is not set", ErrSpec)
	}
	sid := "SM" + s.ID
	fields := map[string]string{
		"AccountSid": "AC5ef872f6da5a21de157d80997a64bd33", "ApiVersion": "2010-04-01",
		"MessagingServiceSid": "MGdeadbeefdeadbeefdeadbeefdeadbeef", "MessageSid": sid, "SmsSid": sid,
	}
	// The numbers are Twilio's own examples and belong to nobody.
	const ours, theirs = "+15017122661", "+15558675310"
	switch s.Kind {
	case "inbound", "stop":
		add(fields, map[string]string{
			"From": theirs, "To": ours, "Body": "When does my parcel arrive?", "NumMedia": "0", "NumSegments": "1",
			"SmsMessageSid": sid, "SmsStatus": "received", "FromCountry": "US", "ToCountry": "US",
		})
		if s.Kind == "stop" {
			add(fields, map[string]string{"Body": "STOP", "OptOutType": "STOP"})
		}
	case "failed", "undelivered":
		add(fields, map[string]string{"ErrorCode": "30003"})
		fallthrough
	case "delivered", "queued", "read", "sent":
		add(fields, map[string]string{"From": ours, "To": theirs, "MessageStatus": s.Kind, "SmsStatus": s.Kind})
		if s.Kind != "queued" && s.Kind != "sent" {
			fields["RawDlrDoneDate"] = s.Now.UTC().Format("0601021504")
		}
	default:
		return nil, unknownKind(s)
	}
	for _, f := range s.Set {
		fields[f.Name] = f.Value
	}
	form := url.Values{}
	text := s.URL
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		form.Set(name, fields[name])
		text += name + fields[name]
	}
	mac := hmac.New(sha1.New, []byte(s.Secret))
	mac.Write([]byte(text))
	return &Request{
		Method: http.MethodPost, URL: s.URL, Body: []byte(form.Encode()), MessageID: fields["MessageSid"],
		Header: http.Header{
			"Content-Type":               {"application/x-www-form-urlencoded; charset=UTF-8"},
			"User-Agent":                 {"TwilioProxy/1.1"},
			"Accept":                     {"*/*"},
			"I-Twilio-Idempotency-Token": {uuid(s.ID)},
			"X-Home-Region":              {"us1"},
			"X-Twilio-Signature":         {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		},
	}, nil
}

func add(to, from map[string]string) { maps.Copy(to, from) }

// uuid writes 32 hexadecimal digits the way UUIDs are written.
func uuid(id string) string {
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

func unknownKind(s Spec) error {
	return fmt.Errorf("%w: %s has no %q; it has %s", ErrSpec, s.Type, s.Kind, strings.Join(Kinds(s.Type), ", "))
}
