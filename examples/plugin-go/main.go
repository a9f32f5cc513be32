// Command patchbay-plugin-acme turns the webhooks of Acme into events.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

type Config struct {
	Secret string `pb:"signing_secret,required,sensitive" doc:"Signing secret from the Acme dashboard."`
}

type source struct{}

func (source) Info() sdk.Info {
	return sdk.Info{Name: "acme", Version: "0.1.0", Summary: "Acme SMS webhooks.", Channel: sdk.SMS}
}

func (source) Configure(_ context.Context, c *Config) (sdk.Auth, error) {
	return sdk.HMAC{
		Header: "X-Acme-Signature", Key: c.Secret, Hash: sdk.SHA256, Encoding: sdk.Hex,
		Signed: "{header.X-Acme-Time}.{body}", Time: "{header.X-Acme-Time}", MaxAge: 5 * time.Minute,
	}, nil
}

type hook struct {
	ID, Message, Campaign, To, Status, Code, Reason string
	At                                              time.Time
}

var types = map[string]sdk.EventType{
	"sent": sdk.Sent, "delivered": sdk.Delivered, "undelivered": sdk.Failed, "inbound": sdk.Replied,
}

func (source) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i := range in {
		var h hook
		if err := json.Unmarshal(in[i].Body, &h); err != nil || h.ID == "" {
			out.Reject(i, sdk.Malformed, errors.New("no JSON object with an ID")) // err would quote the request
			continue
		}
		t, ok := types[h.Status]
		if !ok {
			t = sdk.Unmapped // kept and counted, never dropped
		}
		e := out.Add(i)
		e.ProviderID, e.MessageID, e.CampaignID = h.ID, h.Message, h.Campaign
		e.Channel, e.Type, e.Time, e.Recipient = sdk.SMS, t, h.At, h.To
		e.ProviderStatus, e.StatusCode, e.ErrorReason = h.Status, h.Code, h.Reason
	}
	return nil
}

func main() { sdk.ServeSource[Config](source{}) }
