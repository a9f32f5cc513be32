package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"hash"
	"net/url"
	"strconv"
	"strings"
)

// Twilio makes signed status callbacks. It is not safe for concurrent use;
// Clone gives each goroutine its own.
type Twilio struct {
	Token string
	URL   string // public URL, as signed
	mac   hash.Hash
	form  []byte
	text  []byte
}

// NewTwilio returns a maker of requests that are signed with token for publicURL.
func NewTwilio(token, publicURL string) *Twilio {
	return &Twilio{Token: token, URL: publicURL, mac: hmac.New(sha1.New, []byte(token))}
}

// Clone returns a maker of the same requests for another goroutine.
func (t *Twilio) Clone() *Twilio { return NewTwilio(t.Token, t.URL) }

// twilioFields are a status callback's fields, sorted by name as they are
// signed. %SID% and %STATUS% stand for the message and its status.
var twilioFields = [...][2]string{
	{"AccountSid", "AC5ef872f6da5a21de157d80997a64bd33"},
	{"ApiVersion", "2010-04-01"},
	{"From", "+15017122661"},
	{"MessageSid", "%SID%"},
	{"MessageStatus", "%STATUS%"},
	{"MessagingServiceSid", "MGdeadbeefdeadbeefdeadbeefdeadbeef"},
	{"RawDlrDoneDate", "2611230534"},
	{"SmsSid", "%SID%"},
	{"SmsStatus", "%STATUS%"},
	{"To", "+15558675310"},
}

// Status returns the body of a status callback and its signature. The body is
// valid until the next call.
func (t *Twilio) Status(sid, status string) (body []byte, signature string) {
	t.form, t.text = t.form[:0], append(t.text[:0], t.URL...)
	for i, f := range twilioFields {
		v := f[1]
		switch v {
		case "%SID%":
			v = sid
		case "%STATUS%":
			v = status
		}
		if i > 0 {
			t.form = append(t.form, '&')
		}
		t.form = append(append(append(t.form, f[0]...), '='), url.QueryEscape(v)...)
		t.text = append(append(t.text, f[0]...), v...)
	}
	t.mac.Reset()
	t.mac.Write(t.text)
	var sum [sha1.Size]byte
	return t.form, base64.StdEncoding.EncodeToString(t.mac.Sum(sum[:0]))
}

// AppendStatus appends a whole HTTP request for a status callback.
func (t *Twilio) AppendStatus(b []byte, host, path, sid, status string) []byte {
	body, sig := t.Status(sid, status)
	b = append(b, "POST "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nI-Twilio-Idempotency-Token: 1f0c1d1e-5b0c-4a6e-9df1-0b1a2c3d4e5f\r\nX-Twilio-Signature: "...)
	b = append(b, sig...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// SID is a message id for number n of run seed: 34 characters, as Twilio's are.
func SID(seed uint32, n int) string { return fmt.Sprintf("SM%08x%024x", seed, n) }

// SendGrid makes signed arrays of events.
type SendGrid struct {
	key *ecdsa.PrivateKey
}

// NewSendGrid returns a maker of requests with a key of its own.
func NewSendGrid() (*SendGrid, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: key: %w", err)
	}
	return &SendGrid{key}, nil
}

// PublicKey is the key as SendGrid's settings page shows it.
func (s *SendGrid) PublicKey() (string, error) {
	der, err := s.der()
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

func (s *SendGrid) der() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("lab: key: %w", err)
	}
	return der, nil
}

// EventID is the provider's id of event n of run seed.
func EventID(seed uint32, n int) string { return fmt.Sprintf("ev-%08x-%012d", seed, n) }

var sendGridWords = [...]string{"processed", "delivered", "open", "click", "deferred", "bounce"}

// SendGridFact is the message and the word of event n of run seed, as Array
// writes them. No other event of the run has both.
func SendGridFact(seed uint32, n int) (message, word string) {
	message = fmt.Sprintf("msg-%08x-%d.filter0001.16648.5515E0B88.0", seed, n/len(sendGridWords))
	return message, sendGridWords[n%len(sendGridWords)]
}

// Array returns a body with events from first on, n of them.
func (s *SendGrid) Array(seed uint32, first, n int) []byte {
	var b strings.Builder
	b.WriteString("[")
	for i := first; i < first+n; i++ {
		if i > first {
			b.WriteString(",\r\n")
		}
		message, word := SendGridFact(seed, i)
		fmt.Fprintf(&b, `{"email":"person%d@example.com","timestamp":%d,"smtp-id":"<14c5d75ce93.dfd.64b469@ismtpd-555>","event":"%s","category":"autumn","sg_event_id":"%s","sg_message_id":"%s"`,
			i%5000, 1795000000+i%86400, word, EventID(seed, i), message)
		switch word {
		case "open":
			b.WriteString(`,"useragent":"Mozilla/4.0 (compatible; MSIE 6.1)","ip":"192.0.2.7","sg_machine_open":false`)
		case "click":
			b.WriteString(`,"url":"https://example.com/offer","ip":"192.0.2.7"`)
		case "bounce":
			b.WriteString(`,"reason":"500 unknown recipient","status":"5.0.0","type":"bounce"`)
		}
		b.WriteString("}")
	}
	b.WriteString("]\r\n")
	return []byte(b.String())
}

// Sign returns the signature of body at the given time text.
func (s *SendGrid) Sign(timestamp string, body []byte) (string, error) {
	h := sha256.New()
	h.Write([]byte(timestamp))
	h.Write(body)
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, h.Sum(nil))
	if err != nil {
		return "", fmt.Errorf("lab: sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// Request returns a whole HTTP request for body.
func (s *SendGrid) Request(host, path string, body []byte) ([]byte, error) {
	const at = "1795000000"
	sig, err := s.Sign(at, body)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: SendGrid Event API\r\nContent-Type: application/json\r\nX-Twilio-Email-Event-Webhook-Signature: %s\r\nX-Twilio-Email-Event-Webhook-Timestamp: %s\r\nContent-Length: %d\r\n\r\n", path, host, sig, at, len(body))
	return append([]byte(head), body...), nil
}
