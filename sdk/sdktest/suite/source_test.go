package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

type acmeConfig struct {
	Secret string `pb:"signing_secret,required,sensitive" doc:"Signing secret from the Acme dashboard."`
	Limit  int    `pb:"limit" default:"10" doc:"How many." min:"1"`
}

// acme is a source that keeps the contract. Its fields break it, one way each.
type acme struct {
	secret    string
	failBatch bool // an error where a rejection is due
	silent    bool // nothing where a rejection is due
	guess     bool // unknown statuses are failures
	clock     bool // identity by time of receipt
	place     bool // identity by place in the batch
	leak      bool // the secret in an attribute
	logs      bool // the secret in the log
	span      int  // added to the payload's length
	sameID    bool // one identity for all events of a request
	noAuth    bool // no authentication at all
	panics    bool // on what it cannot read
	noChannel bool // events without a channel
	keep      bool // keeps the memory of requests
	kept      map[string]string
	refuses   bool // the good configuration
	redirects bool
	hash      bool // another hash than the provider's
	asks      bool // authenticates by itself, and lets everybody in
}

func (a *acme) Info() sdk.Info {
	return sdk.Info{Name: "acme", Version: "0.1.0", Summary: "Acme messages.", Channel: sdk.SMS}
}

func (a *acme) Configure(_ context.Context, c *acmeConfig) (sdk.Auth, error) {
	a.secret = c.Secret
	switch {
	case a.refuses:
		return nil, sdk.Problem("limit", "no", "")
	case a.noAuth:
		return sdk.Signature{Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Location: "{header.X-Acme-Signature}", Encoding: sdk.Hex}, nil
	}
	h := sdk.HMAC{Header: "X-Acme-Signature", Key: c.Secret, Hash: sdk.SHA256, Encoding: sdk.Hex}
	switch {
	case a.hash:
		h.Hash = sdk.SHA512
	case a.asks:
		return sdk.Verified{}, nil
	}
	return h, nil
}

func (a *acme) Verify(context.Context, *sdk.Delivery) bool { return true }

func (a *acme) Endpoint() sdk.Endpoint {
	if a.redirects {
		return sdk.Endpoint{Refusal: sdk.Answer{Status: 302}}
	}
	return sdk.Endpoint{}
}

type acmeHook struct {
	ID, Message, To, Status, Code, Reason string
	At                                    time.Time
}

var acmeTypes = map[string]sdk.EventType{"sent": sdk.Sent, "delivered": sdk.Delivered, "undelivered": sdk.Failed}

func (a *acme) Parse(ctx context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.logs {
		sdk.Log(ctx).Info().Str("secret", a.secret).Msg("parsing")
	}
	for i := range in {
		if err := a.parse(i, &in[i], out); err != nil {
			return err
		}
	}
	return nil
}

func (a *acme) parse(i int, d *sdk.Delivery, out *sdk.Batch) error {
	var items []json.RawMessage
	if bytes.HasPrefix(d.Body, []byte("[")) {
		if err := json.Unmarshal(d.Body, &items); err != nil {
			return a.refuse(i, out, err)
		}
	} else {
		items = append(items, d.Body)
	}
	hooks := make([]acmeHook, len(items))
	for k := range items {
		if err := json.Unmarshal(items[k], &hooks[k]); err != nil || hooks[k].ID == "" {
			return a.refuse(i, out, errors.New("no event"))
		}
	}
	if len(items) == 0 {
		out.Ignore(i, "ping")
	}
	seen := map[string]bool{}
	from := 0
	for k, h := range hooks {
		if seen[h.ID] {
			out.RejectPart(i, k, 0, 0, "repeated", nil)
			continue
		}
		seen[h.ID] = true
		e := out.Add(i)
		e.PayloadOffset = from + bytes.Index(d.Body[from:], items[k])
		e.PayloadLength = len(items[k]) + a.span
		from = e.PayloadOffset + len(items[k])
		e.ProviderID, e.MessageID, e.Channel, e.Recipient = h.ID, h.Message, sdk.SMS, h.To
		e.Time, e.ProviderStatus, e.StatusCode, e.ErrorReason = h.At, h.Status, h.Code, h.Reason
		e.Type = acmeTypes[h.Status]
		a.misbehave(i, d, e)
	}
	return nil
}

func (a *acme) misbehave(i int, d *sdk.Delivery, e *sdk.Event) {
	if a.guess && e.Type == sdk.Unspecified {
		e.Type = sdk.Failed
	}
	if a.clock {
		e.ProviderID += d.ReceivedAt.String()
	}
	if a.place {
		e.ProviderID += fmt.Sprint(i)
	}
	if a.leak {
		e.SetAttr("debug", a.secret)
	}
	if a.sameID {
		e.ProviderID = "same"
	}
	if a.noChannel {
		e.Channel = sdk.NoChannel
	}
	if a.keep {
		if a.kept == nil {
			a.kept = map[string]string{}
		}
		if _, ok := a.kept[e.MessageID]; !ok {
			a.kept[e.MessageID] = d.URL // aliases the request
		}
		e.SetAttr("url", a.kept[e.MessageID])
	}
}

func (a *acme) refuse(i int, out *sdk.Batch, err error) error {
	switch {
	case a.panics:
		panic("cannot read this")
	case a.failBatch:
		return err
	case a.silent:
		return nil
	}
	out.Reject(i, sdk.Malformed, errors.New("not JSON"))
	return nil
}

// sourceFault is a way to break the contract, and where it must be found.
type sourceFault struct {
	name, path, text string
	source           *acme
}

// only is the check that must find the fault. What a source logs shows after any.
func (f sourceFault) only() string {
	if f.path == "log" {
		return "golden"
	}
	check, _, _ := strings.Cut(f.path, "/")
	return check
}

func TestGoodSource(t *testing.T) {
	t.Parallel()
	source := &acme{}
	conn, err := Connect(sdk.SourceType[acmeConfig](source))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	(&Source{Client: conn.Client, Type: "acme", Dir: "testdata/acme", Log: conn.Log, Parse: source.Parse}).Run(t.Context(), r)
	r.wantNone(t)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// A suite that knows no genuine request has proven nothing of the signature.
func TestUnsignedCases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "# config: {\"signing_secret\": \"a-very-secret-value\"}\nPOST https://h.example/ HTTP/1.1\n\n[]\n"
	if err := os.WriteFile(filepath.Join(dir, "a.http"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := Connect(sdk.SourceType[acmeConfig](&acme{}))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	(&Source{Client: conn.Client, Type: "acme", Dir: dir, Log: conn.Log, only: "signature"}).Run(t.Context(), r)
	r.wantError(t, "signature", "no case is known to be signed")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// A suite that was never seen failing proves nothing: each way to break the
// contract must be found by the check that is there for it.
func TestSourceFindsFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []sourceFault{
		{"failed batch", "poison", "Parse of", &acme{failBatch: true}},
		{"silence", "poison", "neither an event nor a verdict", &acme{silent: true}},
		{"panic", "poison", "panicked", &acme{panics: true}},
		{"guessed status", "unknown", "was guessed", &acme{guess: true}},
		{"identity by clock", "batch", "another result than alone", &acme{clock: true}},
		{"identity by place", "batch", "another result than alone", &acme{place: true}},
		{"secret in an event", "golden", "an event contains a secret", &acme{leak: true}},
		{"secret in the log", "log", "the plugin's log contains a secret", &acme{logs: true}},
		{"payload outside the body", "golden", "lies outside its body", &acme{span: 1000}},
		{"payloads that overlap", "golden", "reaches into", &acme{span: 5}},
		{"one identity for two", "golden", "would be lost as a duplicate", &acme{sameID: true}},
		{"no keys", "configure", "has no key", &acme{noAuth: true}},
		{"no channel", "golden", "has no channel", &acme{noChannel: true}},
		{"good configuration refused", "configure", "refuses the good configuration", &acme{refuses: true}},
		{"wrong signature", "signature/delivered", "the genuine request is refused", &acme{hash: true}},
		{"lets everybody in", "signature/delivered", "accepted with nothing that proves it", &acme{asks: true}},
		{"redirect", "configure", "refusal status is 302", &acme{redirects: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := Connect(sdk.SourceType[acmeConfig](c.source))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}()
			r := newRecorder()
			suite := &Source{Client: conn.Client, Type: "acme", Dir: "testdata/acme", Log: conn.Log, only: c.only()}
			suite.Run(t.Context(), r)
			r.wantError(t, c.path, c.text)
		})
	}
}

func TestAliasFindsKeptMemory(t *testing.T) {
	t.Parallel()
	source := &acme{keep: true}
	conn, err := Connect(sdk.SourceType[acmeConfig](source))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	suite := &Source{Client: conn.Client, Type: "acme", Dir: "testdata/acme", Parse: source.Parse, only: "alias"}
	suite.Run(t.Context(), r)
	r.wantError(t, "alias", "memory of earlier requests")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

type undocumented struct {
	Token string `pb:"Token,required"`
}

type bare struct{}

func (bare) Info() sdk.Info { return sdk.Info{Name: "bare"} }

func (bare) Configure(context.Context, *undocumented) (sdk.Auth, error) { return sdk.NoAuth{}, nil }

func (bare) Parse(context.Context, []sdk.Delivery, *sdk.Batch) error { return nil }

func TestDescribeFindsFaults(t *testing.T) {
	t.Parallel()
	conn, err := Connect(sdk.SourceType[undocumented](bare{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bare", "other"} {
		r := newRecorder()
		(&Source{Client: conn.Client, Type: name, Dir: t.TempDir()}).Run(t.Context(), r)
		if name == "other" {
			r.wantError(t, "describe", `of type "other"`)
			continue
		}
		r.wantError(t, "describe", "no summary")
		r.wantError(t, "describe", `"Token" has no doc`)
		r.wantError(t, "describe", "use lower-case")
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestGoldenIsWrittenAndCompared(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.events.json")
	want := result{Events: []goldenEvent{{ProviderID: "e1", Attributes: goldenAttributes{{Name: "b", Value: "<&>"}, {Name: "a", Value: "2"}}}}}
	r := newRecorder()
	compareGolden(r, file, want, false)
	r.wantError(t, "", "-update")
	compareGolden(r, file, want, true)
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(`"b": "<&>",`)) {
		t.Errorf("golden file: %v\n%s", err, text)
	}
	r = newRecorder()
	compareGolden(r, file, want, false)
	if len(*r.errors) > 0 {
		t.Errorf("the same result differs: %v", *r.errors)
	}
	compareGolden(r, file, result{}, false)
	r.wantError(t, "", "differs")
}

func TestParseCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, body string }{
		{"one line break is not the body's", "# x\nPOST u HTTP/1.1\nA: b\n\nbody\n", "body"},
		{"nor is one of two bytes", "POST u HTTP/1.1\r\na: b\r\n\r\nbody\r\n", "body"},
		{"others are", "POST u HTTP/1.1\nA: b\n\n\nbody\r\n\n", "\nbody\r\n"},
		{"no line break", "POST u HTTP/1.1\n\nbody\r", "body\r"},
		{"no body", "GET u HTTP/1.1\n\n", ""},
		{"no empty line", "GET u HTTP/1.1\n", ""},
	} {
		got, err := ParseCase([]byte(c.in))
		if err != nil || string(got.Delivery.Body) != c.body || got.Delivery.URL != "u" {
			t.Errorf("%s: got %+v, %v, want the body %q", c.name, got, err, c.body)
		}
	}
	c, err := ParseCase([]byte("# config: {\"a\":1}\n# secret: s\n# fixed\nPUT u HTTP/2\nx-y:  z \n\n"))
	if err != nil || string(c.Config) != `{"a":1}` || len(c.Secrets) != 1 || !c.Fixed || c.Delivery.Header("X-Y") != "z" {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = ParseCase([]byte("# signed 2026-01-01T00:00:00Z\nPUT u HTTP/2\n\n"))
	if err != nil || !c.Signed || c.SignedAt.Format(time.RFC3339) != "2026-01-01T00:00:00Z" {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range []string{"", "POST u", "# signed yesterday\nPUT u HTTP/2\n\n", "POST u HTTP/1.1\nno colon\n\n", "# config: {\nPOST u HTTP/1.1\n\n"} {
		if c, err := ParseCase([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, c)
		}
	}
}
