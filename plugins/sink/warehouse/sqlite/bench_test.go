package sqlite

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// traffic makes events as a busy source does: each message is queued, sent and
// delivered, some batches apart, with a payload of about 330 bytes.
type traffic struct {
	n     int
	lag   int
	start time.Time
}

var trafficTypes = [...]sdk.EventType{sdk.Queued, sdk.Sent, sdk.Delivered}

func (g *traffic) next(n int) []sdk.Event {
	out := make([]sdk.Event, n)
	for i := range out {
		step := g.n % 3
		message := g.n/3 - step*g.lag
		at := g.start.Add(time.Duration(g.n) * time.Millisecond)
		typ := trafficTypes[step]
		id := digest(fmt.Sprint("event", g.n))
		out[i] = sdk.Event{
			ID: id, MessageID: "SM" + digest(fmt.Sprint("message", message)).String(), CustomerID: fmt.Sprint("customer-", message%5000),
			CampaignID: "spring-sale", Account: "AC00000000000000000000000000000001", Channel: sdk.SMS, Direction: sdk.Outbound,
			Type: typ, DeliveryStatus: typ.Asserts(), Time: at, ReceivedAt: at.Add(time.Second), ProviderStatus: typ.String(),
			Recipient: fmt.Sprintf("+35840%07d", message%9999999), Sender: "+358407654321", Provider: "twilio", Source: "twilio.support",
			Attributes: sdk.Attributes{{Name: "account_tier", Value: "gold"}, {Name: "region", Value: "eu"}},
			RawOffset:  uint64(g.n), SourcePayload: []byte(`{"MessageSid":"` + strings.Repeat("0123456789", 31) + `"}`),
		}
		g.n++
	}
	return out
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkWrite(b *testing.B, size, filled int, cfg Config) {
	cfg.Path = b.TempDir() + "/events.db"
	s := New(time.Now)
	ctx := b.Context()
	if err := s.Open(ctx, &cfg); err != nil {
		b.Fatal(err)
	}
	g := &traffic{lag: 1000, start: time.Unix(1_700_000_000, 0)}
	for g.n < filled {
		if err := s.Write(ctx, g.next(2048), &sdk.Results{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		in := g.next(size)
		b.StartTimer()
		before := cpuTime()
		if err := s.Write(ctx, in, &sdk.Results{}); err != nil {
			b.Fatal(err)
		}
		cpu += cpuTime() - before
	}
	events := float64(b.N * size)
	b.ReportMetric(float64(cpu.Nanoseconds())/events, "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
	if err := s.Close(ctx); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWrite512(b *testing.B) {
	benchmarkWrite(b, 512, 100_000, Config{BusyTimeout: time.Second, Synchronous: "full"})
}

func BenchmarkWrite512Normal(b *testing.B) {
	benchmarkWrite(b, 512, 100_000, Config{BusyTimeout: time.Second, Synchronous: "normal"})
}

func BenchmarkWrite2048(b *testing.B) {
	benchmarkWrite(b, 2048, 100_000, Config{BusyTimeout: time.Second, Synchronous: "full"})
}
