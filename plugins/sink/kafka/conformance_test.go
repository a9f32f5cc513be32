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
	testConformance(t, &c.broker, args{"sasl": args{"mechanism": "plain", "username": "u", "password": "pass-canary"}})
}

func testConformance(t *testing.T, b *broker, more args) {
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
