package twilio

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// Config is the arguments of a twilio block.
type Config struct {
	AuthToken  string   `pb:"auth_token,required,sensitive" doc:"The account's primary auth token, which signs the requests." example:"secret(\"env:TWILIO_AUTH_TOKEN\")"`
	Previous   []string `pb:"previous_auth_tokens,sensitive" doc:"Further tokens that are accepted, while tokens are rotated."`
	AccountSID string   `pb:"account_sid" doc:"The only account whose events are accepted; those of others become dead letters. Subaccounts sign with tokens of their own." example:"\"AC0123456789abcdef0123456789abcdef\""`
}

// Source is the source type twilio.
type Source struct {
	account string
}

// New returns the source.
func New() *Source { return &Source{} }

// retryHorizon is how long Event Streams repeat an event; plain callbacks give
// up after seconds (twilio.com/docs/events/webhook-quickstart: up to 4 hours).
const retryHorizon = 4 * time.Hour

// Info implements sdk.Source. The channel varies: WhatsApp comes this way too.
func (*Source) Info() sdk.Info {
	return sdk.Info{
		Name: "twilio", Version: sdk.Version, RetryHorizon: retryHorizon,
		Summary: "Status callbacks, inbound messages and Event Streams of Twilio Messaging.",
	}
}

// Configure implements sdk.Source.
func (s *Source) Configure(_ context.Context, c *Config) (sdk.Auth, error) {
	tokens := append([]string{c.AuthToken}, c.Previous...)
	keys := make([][]byte, len(tokens))
	var errs []error
	for i, t := range tokens {
		path := "auth_token"
		if i > 0 {
			path = fmt.Sprintf("previous_auth_tokens.%d", i-1)
		}
		switch {
		case t == "":
			errs = append(errs, sdk.Problem(path, "empty auth token", "An empty token would accept requests from anyone."))
		case strings.TrimSpace(t) != t:
			errs = append(errs, sdk.Problem(path, "white space around the auth token", "A line break at the end of a secret's file is the usual cause."))
		}
		keys[i] = []byte(t)
	}
	if c.AccountSID != "" && !strings.HasPrefix(c.AccountSID, "AC") {
		errs = append(errs, sdk.Problem("account_sid", "not an account SID", "It begins with AC, as the console shows it."))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.account = c.AccountSID
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: keys, Encoding: sdk.Base64,
		Location: "{header.X-Twilio-Signature}", Signed: "{url}{form.sorted}", TryPorts: true,
		BodyDigest: "{query.bodySHA256}",
	}, nil
}

// Endpoint implements sdk.Endpointer.
//
// An inbound message waits for TwiML: an empty response says that there is no
// reply, while any text would be sent to the customer as one.
//
// A refusal is 403, after which Event Streams drop the event at once and nobody
// comes again. A 5xx would make them repeat it, which helps after a wrong token,
// but it would also let any stranger make the endpoint look broken to a load
// balancer. Who rotates tokens keeps what cannot be verified with
// on_auth_failure = "quarantine".
func (*Source) Endpoint() sdk.Endpoint {
	return sdk.Endpoint{
		Methods:  []string{http.MethodPost, http.MethodGet},
		Success:  sdk.Answer{Status: http.StatusOK, ContentType: "text/xml", Body: "<Response/>"},
		Refusal:  sdk.Answer{Status: http.StatusForbidden},
		Pressure: sdk.Answer{Status: http.StatusServiceUnavailable, RetryAfter: time.Second},
	}
}

// Parse implements sdk.Source.
func (s *Source) Parse(ctx context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	p := parser{source: s, out: out}
	for i := range in {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.delivery(i, &in[i])
	}
	return nil
}

// parser is one call of Parse.
type parser struct {
	source *Source
	out    *sdk.Batch
	form   []param // of the request at hand
	tags   []param
}

// CodeWrongAccount is the dead letter of an event from another account than the
// configured one.
const CodeWrongAccount = "wrong_account"

// reject is a request, or a part of one, that gives no event.
type reject struct {
	code string
	err  error
}

func (p *parser) delivery(i int, d *sdk.Delivery) {
	_, query, _ := strings.Cut(d.URL, "?")
	query, _, _ = strings.Cut(query, "#")
	var bad *reject
	switch kind := contentKind(d); {
	case kind == asForm && d.Method == http.MethodGet:
		bad = p.parseQuery(i, query)
	case kind == asForm:
		p.tags = parseTags(p.tags[:0], query)
		bad = p.parseBody(i, string(d.Body))
	case kind == asJSON:
		p.tags = parseTags(p.tags[:0], query)
		bad = p.parseStream(i, string(d.Body))
	default:
		bad = &reject{sdk.Unsupported, errors.New("the body is neither a form nor JSON")}
	}
	if bad != nil {
		p.out.Reject(i, bad.code, bad.err)
	}
}

type content int

const (
	asForm content = iota
	asJSON
	asOther
)

// contentKind decides as core does, which took the signature over a form's
// parameters only if the request calls itself a form.
func contentKind(d *sdk.Delivery) content {
	const form = "application/x-www-form-urlencoded"
	header := d.Header("Content-Type")
	if header == form { // by far the most frequent, and it allocates nothing
		return asForm
	}
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case kind == form && err == nil:
		return asForm
	case len(d.Body) == 0:
		return asForm
	case err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")):
		return asJSON
	}
	switch first := strings.TrimLeft(string(d.Body[:min(len(d.Body), 64)]), " \t\r\n\ufeff"); {
	case header == "" && first != "" && (first[0] == '{' || first[0] == '['):
		return asJSON
	}
	return asOther
}
