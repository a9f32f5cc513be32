package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// spine is one source that feeds both sinks, one of them by a route.
const spine = `
receiver {
  listen     = "127.0.0.1:0"
  public_url = "https://hooks.example.com"
}
admin { listen = "127.0.0.1:0" }
source "twilio" "support" { auth_token = secret("env:SPINE_TOKEN") }
sink "sqlite" "facts" { path = "events.db" }
sink "kafka" "stream" {
  brokers = ["%s"]
  topic   = "messaging.events"
}
pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  normalize {}
  route "delivered" {
    when = event.delivery_status == "delivered"
    to   = [sink.kafka.stream]
  }
  to = [sink.sqlite.facts]
}
`

// TestSpine sends signed requests through a real core with real plugins into
// SQLite and Kafka, kills the core in between, and counts on both sides.
func TestSpine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the programs")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "messaging.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "spine.hcl"), fmt.Appendf(nil, spine, kafka.ListenAddrs()[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	bin, err := lab.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const token, each = "spine-token", 60
	sent := func(first int) {
		t.Helper()
		core, err := lab.Start(ctx, bin, dir, "SPINE_TOKEN="+token)
		if err != nil {
			t.Fatal(err)
		}
		defer core.Kill() // I1: what was acknowledged before comes out after
		tw := lab.NewTwilio(token, "https://hooks.example.com/hooks/twilio/support")
		conn, err := lab.Dial(core.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := first; i < first+each; i++ {
			for _, word := range []string{"sent", "delivered", "delivered"} {
				status, err := conn.Do(tw.AppendStatus(nil, core.Addr, "/hooks/twilio/support", lab.SID(7, i), word))
				if err != nil || status != 200 {
					t.Fatalf("request %d: got %d, %v, want 200\n%s", i, status, err, core.Log())
				}
			}
		}
		if first == 0 {
			return
		}
		if err := lab.OpenFacts(filepath.Join(dir, "events.db")).Wait(ctx, 4*each); err != nil {
			t.Fatalf("%v\n%s", err, core.Log())
		}
		waitCtx, stop := context.WithTimeout(ctx, 30*time.Second)
		defer stop()
		if _, err := core.Settle(waitCtx, func(x lab.Totals) bool { return x.Waiting == 0 }); err != nil {
			t.Fatal(err)
		}
	}
	sent(0)
	sent(each)

	n, err := lab.OpenFacts(filepath.Join(dir, "events.db")).Number("SELECT count(*) FROM pb_events")
	if err != nil || n != 4*each {
		t.Errorf("rows in SQLite: got %d, %v, want %d (each fact once)", n, err, 4*each)
	}
	messages := readTopic(ctx, t, kafka.ListenAddrs(), 2*each)
	for i := range 2 * each {
		if messages[lab.SID(7, i)] == 0 {
			t.Errorf("message %d is not in Kafka", i)
		}
	}
}

// readTopic reads until n different messages were seen, with another client than
// ours, and checks what every record must have.
func readTopic(ctx context.Context, t *testing.T, brokers []string, n int) map[string]int {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("messaging.events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	seen := map[string]int{}
	for len(seen) < n {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("%d of %d messages: %v", len(seen), n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			var e struct {
				ID      string `json:"event_id"`
				Message string `json:"message_id"`
				Status  string `json:"delivery_status"`
			}
			if err := json.Unmarshal(r.Value, &e); err != nil {
				t.Errorf("record: %v", err)
				return
			}
			id := ""
			for _, h := range r.Headers {
				if h.Key == "pb_event_id" {
					id = string(h.Value)
				}
			}
			if e.Status != "delivered" || id != e.ID || !strings.HasPrefix(e.Message, "SM") {
				t.Errorf("record: got status %q, header %q, id %q, message %q", e.Status, id, e.ID, e.Message)
			}
			seen[e.Message]++
		})
	}
	return seen
}
