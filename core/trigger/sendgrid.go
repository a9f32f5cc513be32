package trigger

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// sendGrid makes an array of one event. Its signature needs SendGrid's private
// key, which nobody but SendGrid has: whoever tries this out configures the
// public half of a key pair of their own.
func sendGrid(s Spec) (*Request, error) {
	if s.Key == nil {
		return nil, fmt.Errorf("%w: SendGrid keeps its private key to itself. Make a pair of your own "+
			"(openssl ecparam -name prime256v1 -genkey -noout -out key.pem; openssl ec -in key.pem -pubout), "+
			"configure the public half as the source's public_key, and give the private half with --private-key", ErrSpec)
	}
	if !slices.Contains(Kinds("sendgrid"), s.Kind) {
		return nil, unknownKind(s)
	}
	message := s.ID[:22]
	event := map[string]any{
		"email": "recipient@example.com", "timestamp": s.Now.Unix(), "event": s.Kind, "category": []string{"patchbay trigger"},
		"smtp-id": "<" + message + "@geopod-ismtpd-0>", "sg_event_id": base64.RawURLEncoding.EncodeToString([]byte(s.ID[8:])),
		"sg_message_id": message + ".recvd-0000000000-00000-0-00000000-0.0",
	}
	details := map[string]map[string]any{
		"bounce":    {"reason": "550 5.1.1 The email account that you tried to reach does not exist", "status": "5.1.1", "type": "bounce"},
		"click":     {"url": "https://example.com/offer", "ip": "192.0.2.7", "useragent": userAgent},
		"deferred":  {"response": "450 4.2.0 try again later", "attempt": "5"},
		"delivered": {"response": "250 2.0.0 OK", "ip": "192.0.2.25", "tls": 1},
		"dropped":   {"reason": "Bounced Address", "status": "5.0.0"},
		"open":      {"ip": "192.0.2.7", "useragent": userAgent, "sg_machine_open": false},
	}
	maps.Copy(event, details[s.Kind])
	for _, f := range s.Set {
		event[f.Name] = jsonValue(event[f.Name], f.Value)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode([]any{event}); err != nil {
		return nil, fmt.Errorf("trigger: encode event: %w", err)
	}
	// SendGrid ends the body with CR LF, and signs that as well.
	payload := append(bytes.TrimSuffix(body.Bytes(), []byte("\n")), "\r\n"...)
	stamp := strconv.FormatInt(s.Now.Unix(), 10)
	digest := sha256.Sum256(append([]byte(stamp), payload...))
	signature, err := ecdsa.SignASN1(nil, s.Key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("trigger: sign: %w", err)
	}
	return &Request{
		Method: http.MethodPost, URL: s.URL, Body: payload, MessageID: messageID(event["sg_message_id"]),
		Header: http.Header{
			"Content-Type":                           {"application/json;charset=utf-8"},
			"User-Agent":                             {"SendGrid Event API"},
			"X-Twilio-Email-Event-Webhook-Signature": {base64.StdEncoding.EncodeToString(signature)},
			"X-Twilio-Email-Event-Webhook-Timestamp": {stamp},
		},
	}, nil
}

const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// messageID is the part of sg_message_id that names the message; the rest is
// about its way through SendGrid.
func messageID(v any) string {
	id, _, _ := strings.Cut(fmt.Sprint(v), ".")
	return id
}

// jsonValue gives a set value the type of the field it replaces.
func jsonValue(old any, text string) any {
	switch old.(type) {
	case int, int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case []string:
		return strings.Split(text, ",")
	}
	return text
}
