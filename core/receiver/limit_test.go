package receiver

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// TestMaxRate: beyond its rate a source is asked for patience in its provider's
// own way, and strangers cannot use up the provider's share.
func TestMaxRate(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	good := post("x")
	wrong := strings.Replace(good, secret, "wrong", 1)
	for name, c := range map[string]struct {
		quarantine bool
		pressure   *wire.Answer
		requests   []string
		want       []int
		retry      string
	}{
		"within":               {false, nil, []string{good, good}, []int{200, 200}, ""},
		"beyond":               {false, nil, []string{good, good, good}, []int{200, 200, 429}, "1"},
		"the provider's way":   {false, &wire.Answer{Status: 503, RetryAfterMs: 4000}, []string{good, good, good}, []int{200, 200, 503}, "4"},
		"strangers do not use": {false, nil, []string{wrong, wrong, wrong, good, good}, []int{401, 401, 401, 200, 200}, ""},
		"strangers kept apart": {true, nil, []string{wrong, wrong, wrong, good, good}, []int{200, 200, 429, 200, 200}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, Options{Now: now}, func(cfg *Config) {
				cfg.MaxRate, cfg.Quarantine, cfg.Endpoint = 2, c.quarantine, &wire.Endpoint{Pressure: c.pressure}
			})
			retry := ""
			for i, r := range c.requests {
				status, h, _ := b.raw(r)
				if status != c.want[i] {
					t.Errorf("request %d: got %d, want %d", i, status, c.want[i])
				}
				retry = h.Get("Retry-After")
			}
			if retry != c.retry {
				t.Errorf("Retry-After: got %q, want %q", retry, c.retry)
			}
			stored := len(b.stored())
			clock.Add(int64(500 * time.Millisecond)) // one more is due
			for i, want := range []int{200, 429} {
				if status, _, _ := b.raw(good); c.retry == "1" && status != want {
					t.Errorf("half a second later, request %d: got %d, want %d", i, status, want)
				}
			}
			if got := len(b.stored()) - stored; c.retry != "" && got != 1 {
				t.Errorf("half a second later: got %d stored, want 1", got)
			}
		})
	}
}

// TestSlowBody proves I12 for a body that trickles in (F27): it is given up long
// before BodyTimeout, others are served, and one that comes fast enough is taken.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	o := Options{BodyTimeout: time.Hour, MinBodyRate: 1, BodyGrace: 50 * time.Millisecond}
	b := newBed(t, o, nil)
	for name, request := range map[string]string{
		"announced": post(strings.Repeat("x", 3000)),
		"chunked":   post("", "Transfer-Encoding: chunked") + "1\r\nx\r\n",
	} {
		c := b.dial()
		if name == "announced" {
			request = request[:len(request)-1]
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if status, _, _ := answerOf(c, "POST"); status != 408 {
			t.Errorf("%s: got %d, want 408", name, status)
		}
	}
	if status, _, _ := b.raw(post("x")); status != 200 {
		t.Errorf("another: got %d, want 200", status)
	}
	if got := b.r.inFlight.Load(); got != 0 {
		t.Errorf("in flight: got %d, want 0", got)
	}

	o.BodyGrace = 5 * time.Second
	b = newBed(t, o, nil)
	c := b.dial()
	request := post(strings.Repeat("x", 3000))
	for i := 0; i < len(request); i += 100 {
		if _, err := io.WriteString(c, request[i:min(i+100, len(request))]); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, _ := answerOf(c, "POST"); status != 200 {
		t.Errorf("in pieces: got %d, want 200", status)
	}
	// The deadline of a body is not that of the request after it.
	if _, err := io.WriteString(c, post("y")); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := answerOf(c, "POST"); status != 200 {
		t.Errorf("afterwards: got %d, want 200", status)
	}
}

// TestRoomGrowsWithTheBody proves I12: what is only announced takes a little.
func TestRoomGrowsWithTheBody(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{MaxInFlight: 3 * bodyStart}, func(c *Config) { c.MaxBody = 1 << 20 })
	head, _, _ := strings.Cut(post(strings.Repeat("x", 1<<20)), "\r\n\r\n")
	for range 2 {
		if _, err := io.WriteString(b.dial(), head+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for b.r.inFlight.Load() < 2*bodyStart && time.Now().Before(deadline) {
		if status, _, _ := b.raw(post("x")); status != 200 {
			t.Errorf("beside two that announce a megabyte each: got %d, want 200", status)
		}
	}
	if got := b.r.inFlight.Load(); got != 2*bodyStart {
		t.Errorf("in flight: got %d, want %d", got, 2*bodyStart)
	}
}
