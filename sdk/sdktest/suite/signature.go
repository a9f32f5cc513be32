package suite

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/encoding/protowire"
)

// signatures checks with core's own code that the declared authentication
// accepts what the provider really signed, and nothing else.
func (s *Source) signatures(ctx context.Context, r Reporter) {
	signed, provable := 0, false
	for i := range s.groups {
		g := &s.groups[i]
		resp, err := s.configureCall(ctx, g.config)
		if err != nil {
			r.Errorf("Configure: %v", err)
			return
		}
		v, err := auth.Compile(resp.Auth)
		if err != nil {
			r.Errorf("Configure returns an authentication that core refuses: %v", err)
			return
		}
		if v.Open() {
			continue
		}
		provable = true
		for k := range g.cases {
			if c := &g.cases[k]; c.Signed {
				signed++
				p := &prover{suite: s, auth: resp.Auth, verifier: v}
				r.Run(c.Name, func(r Reporter) { p.prove(ctx, r, c) })
			}
		}
	}
	switch {
	case !provable:
		r.Skipf("the source accepts requests without proof")
	case signed == 0:
		r.Errorf("no case is known to be signed: add one whose signature is genuine under its config, with the comment \"# signed\", " +
			"or \"# signed 2026-01-02T03:04:05Z\" if its signature tells the time")
	}
}

// prover verifies requests of one configuration.
type prover struct {
	suite    *Source
	auth     *wire.Auth
	verifier *auth.Verifier
}

func (p *prover) prove(ctx context.Context, r Reporter, c *Case) {
	if ok, why := p.verify(ctx, &c.Delivery, c.SignedAt); !ok {
		r.Errorf("%s: the genuine request is refused: %s", c.Name, why)
		return
	}
	forged := map[string]sdk.Delivery{"nothing that proves it": unproven(c.Delivery)}
	if signsBody(p.auth) && len(c.Delivery.Body) > 0 {
		forged["a byte more in its body"] = withBody(c.Delivery, append(c.Delivery.Body[:len(c.Delivery.Body):len(c.Delivery.Body)], 'x'))
		forged["no body"] = withBody(c.Delivery, nil)
	}
	for _, at := range locations(p.auth) {
		if d, ok := tampered(c.Delivery, at); ok {
			forged["another value of "+at] = d
		}
	}
	for what, d := range forged {
		if ok, _ := p.verify(ctx, &d, c.SignedAt); ok {
			r.Errorf("%s: the request is accepted with %s", c.Name, what)
		}
	}
	if age := maxAge(p.auth); age > 0 {
		if ok, _ := p.verify(ctx, &c.Delivery, c.SignedAt.Add(age+time.Minute)); ok {
			r.Errorf("%s: the request is accepted %s after it was signed, though it may be %s old", c.Name, age+time.Minute, age)
		}
	}
}

func (p *prover) verify(ctx context.Context, d *sdk.Delivery, now time.Time) (bool, string) {
	if p.verifier.External() {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		part := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil))
		ok, err := p.suite.Client.Verify(ctx, [][]byte{part}, 1)
		if err != nil {
			return false, fmt.Sprintf("Verify: %v", err)
		}
		return ok[0], "Verify says no"
	}
	h := http.Header{}
	for _, f := range d.Headers {
		h.Add(f.Name, f.Value)
	}
	got := p.verifier.Verify(&auth.Request{Method: d.Method, URL: d.URL, Header: h, Body: d.Body}, now)
	return got.OK, got.Reason
}

// unproven is a request of somebody who knows nothing but the URL.
func unproven(d sdk.Delivery) sdk.Delivery {
	d.Headers = nil
	d.URL, _, _ = strings.Cut(d.URL, "?")
	d.Body = []byte("{}")
	return d
}

// children returns the schemes within a scheme, itself if it is none of several.
func children(a *wire.Auth) []*wire.Auth {
	switch v := a.GetScheme().(type) {
	case *wire.Auth_AnyOf:
		return flatten(v.AnyOf)
	case *wire.Auth_AllOf:
		return flatten(v.AllOf)
	}
	return []*wire.Auth{a}
}

func flatten(l *wire.AuthList) []*wire.Auth {
	var out []*wire.Auth
	for _, a := range l.GetSchemes() {
		out = append(out, children(a)...)
	}
	return out
}

// signsBody reports whether each scheme says something of the body.
func signsBody(a *wire.Auth) bool {
	for _, c := range children(a) {
		sig := c.GetSignature()
		if c.GetStandardWebhooks() == nil && (sig == nil || !strings.Contains(sig.Signed, "{body") && !strings.Contains(sig.Signed, "{form") && sig.BodyDigest == "") {
			return false
		}
	}
	return true
}

// maxAge is how old a request may be under the most patient scheme; 0 means that
// one of them does not say.
func maxAge(a *wire.Auth) time.Duration {
	most := int64(0)
	for _, c := range children(a) {
		ms := int64(0)
		switch v := c.GetScheme().(type) {
		case *wire.Auth_Signature:
			ms = v.Signature.MaxAgeMs
		case *wire.Auth_StandardWebhooks:
			ms = v.StandardWebhooks.MaxAgeMs
		case *wire.Auth_Jwt:
			if ms = v.Jwt.MaxAgeMs; ms > 0 {
				ms += v.Jwt.LeewayMs
			}
		}
		if ms == 0 {
			return 0
		}
		most = max(most, ms)
	}
	return time.Duration(most) * time.Millisecond
}

// locations are the templates of where the proof stands.
func locations(a *wire.Auth) []string {
	var out []string
	for _, c := range children(a) {
		switch v := c.GetScheme().(type) {
		case *wire.Auth_Signature:
			out = append(out, v.Signature.Location)
		case *wire.Auth_StandardWebhooks:
			out = append(out, "{header.Webhook-Signature}")
		case *wire.Auth_Basic:
			out = append(out, "{header.Authorization}")
		case *wire.Auth_Token:
			out = append(out, v.Token.Location)
		case *wire.Auth_Jwt:
			out = append(out, v.Jwt.Location)
		}
	}
	return out
}

// tampered changes one character of the header at a location. It reports whether
// there was one to change.
func tampered(d sdk.Delivery, location string) (sdk.Delivery, bool) {
	name, ok := strings.CutPrefix(strings.TrimSuffix(location, "}"), "{header.")
	name = http.CanonicalHeaderKey(name)
	if !ok || d.Header(name) == "" {
		return d, false
	}
	headers := make([]sdk.HeaderField, len(d.Headers))
	copy(headers, d.Headers)
	for i := range headers {
		if v := []byte(headers[i].Value); headers[i].Name == name && len(v) > 0 {
			// In the middle: the last character of base64 may say nothing.
			at := len(v) / 2
			if v[at] == '0' {
				v[at] = '1'
			} else {
				v[at] = '0'
			}
			headers[i].Value = string(v)
		}
	}
	d.Headers = headers
	return d, true
}
