package sendgrid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// Config is the arguments of a sendgrid block.
type Config struct {
	PublicKey    string        `pb:"public_key,required" doc:"Verification key of the signed Event Webhook, as SendGrid shows it." example:"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+E9U7wSqvH/1iCuTG3yRz4NTSB3eBaOinhc7xJLY1srOtd4PLaV156UduU3TzcEMmHNpXLY296uSW5k1lO7agA=="`
	PreviousKeys []string      `pb:"previous_public_keys" doc:"Keys that are still accepted: SendGrid replaces a key at once, and requests signed with the old one may be on their way."`
	MaxAge       time.Duration `pb:"max_age" default:"0s" min:"0" doc:"Largest accepted distance between the time of signing and now. Zero accepts any: SendGrid repeats a request for 24 hours and does not say whether it signs it anew."`
}

// The headers of a signed request.
const (
	signatureHeader = "X-Twilio-Email-Event-Webhook-Signature"
	timeHeader      = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// auth returns how requests are signed: the time as text and the body, with
// nothing between them.
func (c *Config) auth() (sdk.Auth, error) {
	var keys [][]byte
	var errs []error
	add := func(path, text string) {
		key, err := parseKey(text)
		keys, errs = append(keys, key), append(errs, keyProblem(path, err))
	}
	add("public_key", c.PublicKey)
	for i, text := range c.PreviousKeys {
		add("previous_public_keys."+strconv.Itoa(i), text)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return sdk.Signature{
		Algorithm: sdk.AlgECDSA, Hash: sdk.SHA256, Keys: keys, Encoding: sdk.Base64,
		Location: "{header." + signatureHeader + "}",
		Signed:   "{header." + timeHeader + "}{body}",
		Time:     "{header." + timeHeader + "}", MaxAge: c.MaxAge,
	}, nil
}

func keyProblem(path string, err error) error {
	if err == nil {
		return nil
	}
	return sdk.Problem(path, "not a verification key: "+err.Error(),
		"Copy the key from SendGrid's Mail Settings, Event Webhooks, Security features, without anything around it.")
}

// parseKey reads a public key in base64 and returns its DER. Only P-256 is
// accepted: SendGrid signs with nothing else, so another key is a mix-up.
func parseKey(text string) ([]byte, error) {
	if strings.Contains(text, "-----") {
		return nil, errors.New("has PEM lines around it")
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("not base64")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a public key")
	}
	if ec, ok := key.(*ecdsa.PublicKey); !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("not an ECDSA key on P-256")
	}
	return der, nil
}
