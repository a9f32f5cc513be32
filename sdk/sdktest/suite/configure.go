package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/proto"
)

// configureAll checks Configure with good, incomplete and wrong arguments. It
// ends with a good one.
func (s *Source) configureAll(ctx context.Context, r Reporter) {
	for _, bad := range badConfigs(r, s.groups[0].config, s.info.Schema) {
		resp, err := s.configureCall(ctx, bad.config)
		if err != nil {
			r.Errorf("Configure with %s: %v", bad.what, err)
			continue
		}
		checkRefused(r, bad, resp.Diagnostics)
		s.secrets.absent(r, "what Configure says of "+bad.what, diagnosticText(resp.Diagnostics))
	}
	for i := range s.groups {
		s.configure(ctx, r, s.groups[i].config)
	}
}

func (s *Source) configureCall(ctx context.Context, config []byte) (*wire.ConfigureSourceResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.Client.ConfigureSource(ctx, &wire.ConfigureRequest{Type: s.Type, Name: "conformance", ConfigJson: config})
}

// configure configures the source and reports whether that worked.
func (s *Source) configure(ctx context.Context, r Reporter, config []byte) bool {
	resp, err := s.configureCall(ctx, config)
	if err != nil {
		r.Errorf("Configure: %v", err)
		return false
	}
	ok := true
	for _, d := range resp.Diagnostics {
		if d.Severity == wire.Diagnostic_SEVERITY_ERROR {
			r.Errorf("Configure refuses the good configuration: %s: %s: %s", d.Path, d.Summary, d.Detail)
			ok = false
		}
	}
	if !ok {
		return false
	}
	if what := authProblem(resp.Auth); what != "" {
		r.Errorf("Configure returns an authentication that %s", what)
		ok = false
	}
	if open(resp.Auth) {
		r.Logf("Configure accepts requests without proof: core marks their events as not authenticated")
	}
	checkEndpoint(r, resp.Endpoint)
	s.secrets.absent(r, "what Configure says", diagnosticText(resp.Diagnostics))
	if e, err := proto.Marshal(answers(resp.Endpoint)); err == nil {
		s.secrets.absent(r, "an answer of the endpoint", e)
	}
	return ok
}

// answers is what of an endpoint strangers may see.
func answers(e *wire.Endpoint) *wire.Endpoint {
	return &wire.Endpoint{Methods: e.GetMethods(), Success: e.GetSuccess(), Refusal: e.GetRefusal(), Pressure: e.GetPressure()}
}

func diagnosticText(ds []*wire.Diagnostic) []byte {
	var out []byte
	for _, d := range ds {
		out = append(out, d.Path+"\n"+d.Summary+"\n"+d.Detail+"\n"...)
	}
	return out
}

// authProblem says what an authentication lacks; empty means nothing.
func authProblem(a *wire.Auth) string {
	switch v := a.GetScheme().(type) {
	case nil:
		return "is empty; return NoAuth to accept every request"
	case *wire.Auth_Signature:
		return signatureProblem(v.Signature)
	case *wire.Auth_StandardWebhooks:
		return missing(len(v.StandardWebhooks.GetSecrets()) > 0, "has no secret")
	case *wire.Auth_Basic:
		return missing(len(v.Basic.GetCredentials()) > 0, "has no credential")
	case *wire.Auth_Token:
		return missing(len(v.Token.GetValues()) > 0 && v.Token.GetLocation() != "", "has no token or no location")
	case *wire.Auth_Jwt:
		return missing(len(v.Jwt.GetKeys()) > 0 && len(v.Jwt.GetAlgorithms()) > 0, "has no key or no algorithm")
	case *wire.Auth_AnyOf:
		return listProblem(v.AnyOf)
	case *wire.Auth_AllOf:
		return listProblem(v.AllOf)
	}
	return ""
}

func missing(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}

func signatureProblem(s *wire.Signature) string {
	for _, k := range s.GetKeys() {
		if len(k) == 0 {
			return "has an empty key"
		}
	}
	return missing(len(s.GetKeys()) > 0 && s.GetLocation() != "" && s.GetSigned() != "" && s.GetAlgorithm() != "",
		"has no key, no algorithm, no location or nothing that is signed")
}

func listProblem(l *wire.AuthList) string {
	for _, a := range l.GetSchemes() {
		if what := authProblem(a); what != "" {
			return what
		}
	}
	return missing(len(l.GetSchemes()) > 0, "is an empty list")
}

// open reports whether a accepts every request.
func open(a *wire.Auth) bool {
	switch v := a.GetScheme().(type) {
	case *wire.Auth_None:
		return true
	case *wire.Auth_AnyOf:
		for _, sub := range v.AnyOf.GetSchemes() {
			if open(sub) {
				return true
			}
		}
	}
	return false
}

// checkEndpoint refuses answers after which providers give up on a URL: senders
// take a redirect or a 410 for its end.
func checkEndpoint(r Reporter, e *wire.Endpoint) {
	if s := e.GetSuccess().GetStatus(); s != 0 && (s < 200 || s > 299) {
		r.Errorf("Endpoint: the success status is %d", s)
	}
	for what, a := range map[string]*wire.Answer{"refusal": e.GetRefusal(), "pressure": e.GetPressure()} {
		if s := a.GetStatus(); s != 0 && (s < 400 || s > 599 || s == 410) {
			r.Errorf("Endpoint: the %s status is %d", what, s)
		}
	}
}

// badConfig is a configuration that must be refused.
type badConfig struct {
	what   string
	config []byte
	path   string // the argument that the refusal must name; empty: any
}

// badConfigs derives wrong configurations from a good one.
func badConfigs(r Reporter, good []byte, schema *wire.Schema) []badConfig {
	var args map[string]json.RawMessage
	if err := json.Unmarshal(good, &args); err != nil {
		r.Errorf("the configuration is not a JSON object: %v", err)
		return nil
	}
	with := func(name string, value json.RawMessage) []byte {
		out := map[string]json.RawMessage{}
		for k, v := range args {
			out[k] = v
		}
		if out[name] = value; value == nil {
			delete(out, name)
		}
		b, err := json.Marshal(out)
		if err != nil {
			r.Errorf("encode a configuration: %v", err)
		}
		return b
	}
	bad := []badConfig{{"an unknown argument", with("no_such_argument", []byte(`"x"`)), "no_such_argument"}}
	for _, a := range schema.GetAttributes() {
		if a.Required {
			bad = append(bad, badConfig{fmt.Sprintf("%q missing", a.Name), with(a.Name, nil), a.Name})
		}
		wrong := `"not this"`
		if a.Type == "string" || strings.Contains(a.Type, "(") || a.Type == "object" {
			wrong = `7`
		}
		bad = append(bad, badConfig{fmt.Sprintf("%q of the wrong type", a.Name), with(a.Name, []byte(wrong)), ""})
	}
	return bad
}

func checkRefused(r Reporter, bad badConfig, ds []*wire.Diagnostic) {
	for _, d := range ds {
		if d.Severity == wire.Diagnostic_SEVERITY_ERROR && (bad.path == "" || d.Path == bad.path) {
			return
		}
	}
	r.Errorf("a configuration with %s is not refused at %q; the findings are %v", bad.what, bad.path, ds)
}
