package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// servePlugin is a plugin with a source that authenticates like Twilio's and a
// sink that appends to a file.
func servePlugin() {
	sdk.Serve("test", "0.0.1", sdk.SourceType(testSource{}), sdk.SinkType(&testSink{}))
}

type testSource struct{}

// acmeSource is the same under another name.
type acmeSource struct{ testSource }

func (acmeSource) Info() sdk.Info {
	return sdk.Info{Name: "acme", Version: "1.0.3", Summary: "A source to test with."}
}

type sourceConfig struct {
	Token string `pb:"auth_token,required,sensitive" doc:"Signs the requests."`
}

func (testSource) Info() sdk.Info {
	return sdk.Info{Name: "twilio", Version: "0.0.1", Summary: "A source to test with.", Channel: sdk.SMS}
}

func (testSource) Configure(_ context.Context, c *sourceConfig) (sdk.Auth, error) {
	if strings.HasPrefix(c.Token, "refuse") {
		return nil, sdk.Problem("auth_token", "the token is not one of ours", "Take another.")
	}
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: [][]byte{[]byte(c.Token)}, Encoding: sdk.Base64,
		Location: "{header.X-Twilio-Signature}", Signed: "{url}{form.sorted}",
	}, nil
}

func (testSource) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i := range in {
		form, err := url.ParseQuery(string(in[i].Body))
		if err != nil || form.Get("MessageSid") == "" {
			out.Reject(i, sdk.Malformed, errors.New("no MessageSid"))
			continue
		}
		e := out.Add(i)
		e.MessageID, e.Recipient, e.ProviderStatus = form.Get("MessageSid"), form.Get("To"), form.Get("MessageStatus")
		e.ProviderID = e.MessageID + "|" + e.ProviderStatus
		e.Channel, e.Direction, e.Type = sdk.SMS, sdk.Outbound, sdk.Delivered
	}
	return nil
}

// testSink appends message ids to a file, and refuses those that say so.
type testSink struct{ f *os.File }

type sinkConfig struct {
	Path string `pb:"path,required" doc:"The file."`
}

func (*testSink) Info() sdk.Info {
	return sdk.Info{Name: "lines", Version: "0.0.1", Summary: "A sink to test with.", Sink: sdk.SinkTraits{Idempotency: sdk.NotIdempotent}}
}

func (s *testSink) Open(_ context.Context, c *sinkConfig) (err error) {
	s.f, err = os.OpenFile(c.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

func (s *testSink) Write(_ context.Context, in []sdk.Event, out *sdk.Results) error {
	for i := range in {
		if strings.HasPrefix(in[i].MessageID, "refuse") {
			out.Reject(i, "too_ugly", errors.New("no thanks to "+in[i].Recipient))
			continue
		}
		if _, err := fmt.Fprintln(s.f, in[i].MessageID); err != nil {
			return err
		}
	}
	return nil
}

func (s *testSink) Close(context.Context) error {
	if s.f == nil {
		return nil
	}
	defer func() { s.f = nil }()
	return s.f.Close()
}
