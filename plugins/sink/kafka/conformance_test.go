package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// TestConformance is not parallel: it looks for goroutines left behind.
func TestConformance(t *testing.T) {
	c := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "pass-canary"))
	c.login = []kgo.Opt{kgo.SASL(plain.Auth{User: "u", Pass: "pass-canary"}.AsMechanism())}
	testConformance(t, &c.broker, args{"sasl": args{"mechanism": "plain", "username": "u", "password": "pass-canary"}}, c.disturb)
}

// disturb has the first broker misbehave. What it says of throttling applies to
// the next request, in its own time; TestThrottle has a clock for that.
func (c *fakeCluster) disturb(_ context.Context, d sdktest.Disturbance) (func(), error) {
	p := c.proxies[0]
	switch d {
	case sdktest.Down:
		// Every request finds nobody; the listener stays, for its goroutine would
		// count as the sink's.
		p.on(func(int16) action { return hangUp })
		return func() { p.on(nil) }, nil
	case sdktest.Severed:
		p.onProduce(cutReply)
		return func() { p.on(nil) }, nil
	}
	return nil, nil
}

func testConformance(t *testing.T, b *broker, more args, disturb func(context.Context, sdktest.Disturbance) (func(), error)) {
	t.Helper()
	// One partition: the order of reading is the order of writing.
	a := with(b.args(b.topic(t, 1, nil)), more)
	encoded := func(a args) []byte {
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	sdktest.Sink(t, func() sdk.Sink[Config] { return newSink(time.Now) }, sdktest.Harness{
		Config:      encoded(a),
		Unreachable: encoded(with(a, args{"brokers": []string{"127.0.0.1:1"}})),
		Disturb:     disturb,
		Read: func(context.Context) ([]sdk.ID, error) {
			var out []sdk.ID
			for _, s := range ids(b.dump(t, a["topic"].(string))) {
				id, err := sdk.ParseID(s)
				if err != nil {
					return nil, err
				}
				out = append(out, id)
			}
			return out, nil
		},
	})
}
