package main

import (
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kfake"
)

// BenchmarkWrite writes batches of 2,000 events of about 700 bytes to six
// partitions of an in-process cluster that stores nothing, without gRPC:
// encoding, partitioning, compression and one request per partition.
//
//	go test -run '^$' -bench Write -benchtime 2s ./plugins/sink/kafka
func BenchmarkWrite(b *testing.B) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, "events"), kfake.BlackholeProduce())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, codec := range []string{"none", "lz4", "zstd"} {
		b.Run(codec, func(b *testing.B) {
			s := newSink(time.Now)
			cfg := &Config{
				Brokers: c.ListenAddrs(), Topic: "events", Key: "auto", Payload: "include", Compression: codec,
				Timeout: deadline, MaxMessageBytes: 1 << 20,
			}
			if err := s.Open(b.Context(), cfg); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close(b.Context()) }()
			in := events(maxEvents)
			b.ReportAllocs()
			for b.Loop() {
				var out sdk.Results
				if err := s.Write(b.Context(), in, &out); err != nil {
					b.Fatal(err)
				}
			}
			if s.stale { // set by every failure of the exchange
				b.Fatal("some events were not written")
			}
			b.ReportMetric(float64(b.N*len(in))/b.Elapsed().Seconds(), "events/s")
		})
	}
}
