package trigger

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Field is a field of the request that is to have a certain value.
type Field struct{ Name, Value string }

// Spec says which request to make.
type Spec struct {
	Type string // the source's type, e.g. "twilio"
	Kind string // what happened, in the provider's word, e.g. "delivered"
	// URL is the public URL, query included, that the provider was given and,
	// for some, signs.
	URL string
	// Secret signs for providers that share one: Twilio's auth token.
	Secret string
	// Key signs for providers that keep a private one: SendGrid.
	Key *ecdsa.PrivateKey
	// Set replaces fields, or adds them.
	Set []Field
	// ID is 32 hexadecimal digits from which the message's and the event's ids
	// are made.
	ID  string
	Now time.Time
}

// Request is a request ready to be sent.
type Request struct {
	Method    string
	URL       string // as it was signed
	Header    http.Header
	Body      []byte
	MessageID string // the id by which to ask for it
}

// ErrSpec says that a Spec makes no request. It is wrapped with the reason.
var ErrSpec = errors.New("trigger: cannot make that request")

// Types lists the source types that requests can be made for.
func Types() []string { return []string{"sendgrid", "twilio"} }

// Kinds lists what can happen at a provider, nil if the type is unknown.
func Kinds(typ string) []string {
	switch typ {
	case "sendgrid":
		return []string{
			"bounce", "click", "deferred", "delivered", "dropped", "open", "processed", "spamreport", "unsubscribe",
		}
	case "twilio":
		return []string{"delivered", "failed", "inbound", "queued", "read", "sent", "stop", "undelivered"}
	}
	return nil
}

// New makes the request of s.
func New(s Spec) (*Request, error) {
	if len(s.ID) != 32 {
		return nil, fmt.Errorf("%w: the id has %d characters, not 32", ErrSpec, len(s.ID))
	}
	switch s.Type {
	case "sendgrid":
		return sendGrid(s)
	case "twilio":
		return twilio(s)
	}
	return nil, fmt.Errorf("%w: no requests are known for type %q", ErrSpec, s.Type)
}

// Result is how a request was answered.
type Result struct {
	Status   int           `json:"status"`
	Latency  time.Duration `json:"latency_ns"`
	Delivery string        `json:"request,omitempty"` // its reference, if it was stored
}

// Send posts the request to target, which need not be the URL that was signed.
// now tells the time for measuring.
func Send(ctx context.Context, c *http.Client, r *Request, target string, now func() time.Time) (*Result, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("trigger: %w", err)
	}
	req.Header = r.Header.Clone()
	began := now()
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("trigger: send: %w", err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("trigger: read answer: %w", err)
	}
	return &Result{
		Status: resp.StatusCode, Latency: now().Sub(began), Delivery: resp.Header.Get("Patchbay-Delivery"),
	}, nil
}

// ParseKey reads an ECDSA private key in PEM, PKCS #8 or SEC 1.
func ParseKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%w: the private key is not PEM", ErrSpec)
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The parser's own text may quote the input.
		return nil, fmt.Errorf("%w: the private key is neither PKCS #8 nor SEC 1", ErrSpec)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: the private key is no ECDSA key", ErrSpec)
	}
	return key, nil
}
