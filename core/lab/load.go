package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Maker returns request n in b's place; each connection has its own.
type Maker func(b []byte, n int) []byte

// Load is the result of a run of requests.
type Load struct {
	Sent, OK  int64
	Took      time.Duration
	Latencies []time.Duration // sorted; open loop only
	Statuses  map[int]int64
}

// Rate is how many requests a second were answered with a 2xx.
func (l *Load) Rate() float64 { return float64(l.OK) / l.Took.Seconds() }

// Percentile returns the latency below which a share p (0..1) of the requests lay.
func (l *Load) Percentile(p float64) time.Duration {
	if len(l.Latencies) == 0 {
		return 0
	}
	return l.Latencies[min(len(l.Latencies)-1, int(p*float64(len(l.Latencies))))]
}

// ClosedLoop sends requests over conns connections, each its next as soon as the
// last is answered, until limit requests are sent or ctx ends.
func ClosedLoop(ctx context.Context, addr string, conns, limit int, maker func() Maker) (*Load, error) {
	var next, sent, ok atomic.Int64
	var mu sync.Mutex
	statuses := map[int]int64{}
	errs := make(chan error, conns)
	begin := time.Now()
	for range conns {
		go func() {
			errs <- func() error {
				c, err := Dial(addr)
				if err != nil {
					return err
				}
				defer c.Close()
				mk := maker()
				var buf []byte
				for ctx.Err() == nil {
					n := int(next.Add(1)) - 1
					if n >= limit {
						return nil
					}
					buf = mk(buf[:0], n)
					status, err := c.Do(buf)
					if err != nil {
						return err
					}
					sent.Add(1)
					if status >= 200 && status < 300 {
						ok.Add(1)
						continue
					}
					mu.Lock()
					statuses[status]++
					mu.Unlock()
				}
				return nil
			}()
		}()
	}
	var first error
	for range conns {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return &Load{Sent: sent.Load(), OK: ok.Load(), Took: time.Since(begin), Statuses: statuses}, first
}

// OpenLoop sends rate requests a second for d, whether or not earlier ones are
// answered, over as many connections as that takes up to conns. A request's
// latency counts from the moment it was due, so that a stall shows in all that
// it delayed.
func OpenLoop(ctx context.Context, addr string, conns int, rate float64, d time.Duration, maker func() Maker) (*Load, error) {
	total := int(rate * d.Seconds())
	due := make(chan int, total)
	res := make([][]time.Duration, conns)
	errs := make(chan error, conns)
	begin := time.Now().Add(10 * time.Millisecond)
	at := func(n int) time.Time { return begin.Add(time.Duration(float64(n) / rate * float64(time.Second))) }
	var bad atomic.Int64
	for w := range conns {
		go func() {
			errs <- func() error {
				c, err := Dial(addr)
				if err != nil {
					return err
				}
				defer c.Close()
				mk := maker()
				var buf []byte
				for n := range due {
					buf = mk(buf[:0], n)
					status, err := c.Do(buf)
					if err != nil {
						return err
					}
					if status < 200 || status > 299 {
						bad.Add(1)
						continue
					}
					res[w] = append(res[w], time.Since(at(n)))
				}
				return nil
			}()
		}()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; n < total && ctx.Err() == nil; {
		<-tick.C
		for now := time.Now(); n < total && !at(n).After(now); n++ {
			due <- n
		}
	}
	close(due)
	l := &Load{Sent: int64(total), Statuses: map[int]int64{}}
	var first error
	for range conns {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	l.Took = time.Since(begin)
	for _, r := range res {
		l.Latencies = append(l.Latencies, r...)
	}
	slices.Sort(l.Latencies)
	l.OK = int64(len(l.Latencies))
	if n := bad.Load(); n > 0 && first == nil {
		first = fmt.Errorf("lab: %d requests were not answered with a 2xx", n)
	}
	return l, first
}
