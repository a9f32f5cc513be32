package main

import (
	"runtime/metrics"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
)

func schedTrace() {
	names := []string{"/sched/latencies:seconds", "/gc/cycles/total:gc-cycles", "/cpu/classes/gc/total:cpu-seconds", "/gc/heap/live:bytes", "/gc/heap/goal:bytes", "/gc/heap/allocs:bytes", "/cpu/classes/gc/mark/assist:cpu-seconds"}
	s := make([]metrics.Sample, len(names))
	for i, n := range names {
		s[i].Name = n
	}
	var old []uint64
	var gc, al uint64
	var cpu, as float64
	for range time.Tick(time.Second) {
		metrics.Read(s)
		h := s[0].Value.Float64Histogram()
		var d []uint64
		var total uint64
		for i, c := range h.Counts {
			v := c
			if old != nil {
				v -= old[i]
			}
			d = append(d, v)
			total += v
		}
		old = append(old[:0], h.Counts...)
		q := func(p float64) float64 {
			n := uint64(float64(total) * p)
			for i, c := range d {
				if n < c {
					return h.Buckets[i+1] * 1000
				}
				n -= c
			}
			return 0
		}
		journal.Trace("sched n=%d p50=%.2f p90=%.2f p99=%.2f p999=%.2f ms gc=%d cpu=%.3f assist=%.3f live=%d goal=%d alloc=%d MB", total, q(.5), q(.9), q(.99), q(.999),
			s[1].Value.Uint64()-gc, s[2].Value.Float64()-cpu, s[6].Value.Float64()-as, s[3].Value.Uint64()>>20, s[4].Value.Uint64()>>20, (s[5].Value.Uint64()-al)>>20)
		gc, cpu, al, as = s[1].Value.Uint64(), s[2].Value.Float64(), s[5].Value.Uint64(), s[6].Value.Float64()
	}
}
