package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchbay-io/patchbay/core/lab"
)

// token signs the Twilio requests; it opens nothing.
const token = "bench-token-0123456789abcdef"

const (
	twilioPath   = "/hooks/twilio/load"
	sendgridPath = "/hooks/sendgrid/load"
	publicURL    = "https://hooks.example.com"
)

// system is a patchbay at work on a configuration of its own.
type system struct {
	*lab.Core
	dir      string
	facts    *lab.Facts
	sendgrid *lab.SendGrid
}

// configuration is what the bench runs: two sources, dedup and normalize, one
// SQLite sink. %s are the SendGrid key and the sink's path.
const configuration = `
patchbay { data_dir = "data" }
receiver {
  listen     = "127.0.0.1:0"
  public_url = "` + publicURL + `"
}
admin { listen = "127.0.0.1:0" }
source "twilio" "load" { auth_token = secret("env:BENCH_TOKEN") }
source "sendgrid" "load" { public_key = "%s" }
sink "sqlite" "facts" { path = "%s" }
pipeline "messaging" {
  from = [source.twilio.load, source.sendgrid.load]
  dedup { window = "168h" }
  normalize {}
  to = [sink.sqlite.facts]
}
`

// start runs a fresh patchbay in a folder of its own.
func (b *bench) start(ctx context.Context, name, sink string) (*system, error) {
	s := &system{dir: filepath.Join(b.dir, name)}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.sendgrid, err = lab.NewSendGrid(); err != nil {
		return nil, err
	}
	key, err := s.sendgrid.PublicKey()
	if err != nil {
		return nil, err
	}
	if sink == "" {
		sink = filepath.Join(s.dir, "events.db")
	}
	s.facts = lab.OpenFacts(sink)
	text := fmt.Sprintf(configuration, key, sink)
	if err := os.WriteFile(filepath.Join(s.dir, "bench.hcl"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	if s.Core, err = lab.Start(ctx, b.patchbay, s.dir, "BENCH_TOKEN="+token); err != nil {
		return nil, err
	}
	return s, nil
}

// twilio makes single signed requests of run seed.
func (s *system) twilio(addr string, seed uint32) func() lab.Maker {
	return func() lab.Maker {
		t := lab.NewTwilio(token, publicURL+twilioPath)
		return func(buf []byte, n int) []byte {
			return t.AppendStatus(buf, addr, twilioPath, lab.SID(seed, n), "delivered")
		}
	}
}
