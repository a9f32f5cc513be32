package engine

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func TestMemTable(t *testing.T) {
	t.Parallel()
	for maxDisk, want := range map[int64]uint64{0: 0, 64 << 20: 4 << 20, 512 << 20: 32 << 20, 768 << 20: 0, 1 << 40: 0} {
		if got := memTable(maxDisk); got != want {
			t.Errorf("max_disk %d: got %d, want %d", maxDisk, got, want)
		}
	}
}

// TestShortageIsSaid proves that what keeps requests out is said where people and
// load balancers look (I12).
func TestShortageIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		minFree, maxDisk uint64
		want             string
	}{
		"none":       {1, 0, ""},
		"disk_low":   {1 << 62, 0, "the disk has less than min_free"},
		"at_maximum": {1, 1, "the journal has reached max_disk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, err := journal.Open(journal.Options{
				Dir: filepath.Join(t.TempDir(), "j"), Log: zerolog.Nop(), MinFree: c.minFree, MaxDisk: c.maxDisk, CacheBytes: 1 << 20, MemTableBytes: 1 << 20,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			e := &Engine{journal: j}
			e.graph.Store(newGraph(&config.Config{Journal: config.Journal{Retain: time.Hour}}, nil, nil))
			ready, why := e.Ready()
			if ready != (c.want == "") || !strings.Contains(strings.Join(why, "; "), c.want) {
				t.Errorf("ready: got %t, %q, want %q", ready, why, c.want)
			}
			if s := e.Status(); s.Full != (c.want != "") || s.Ready != ready || !slices.Equal(s.Reasons, why) {
				t.Errorf("status: got %+v", s)
			}
			reg := prometheus.NewRegistry()
			reg.MustRegister(&gauges{e})
			all, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, f := range all {
				for _, m := range f.Metric {
					if f.GetName() != "patchbay_journal_full" {
						continue
					}
					seen++
					want := 0.0
					if m.Label[0].GetValue() == name {
						want = 1
					}
					if got := m.Gauge.GetValue(); got != want {
						t.Errorf("patchbay_journal_full{shortage=%q}: got %v, want %v", m.Label[0].GetValue(), got, want)
					}
				}
			}
			if seen != 2 {
				t.Errorf("patchbay_journal_full: got %d series, want 2", seen)
			}
		})
	}
}

// TestEndpointAccess: a source's own list replaces the receiver's, and without a
// public URL the listener's own scheme counts.
func TestEndpointAccess(t *testing.T) {
	t.Parallel()
	all, own := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")
	c := &config.Config{Receiver: config.Receiver{
		Listen: "127.0.0.1:8443", Allow: []netip.Prefix{all}, TrustedProxies: []netip.Prefix{own}, ForwardedHeader: "Forwarded", TLS: &config.TLS{},
	}}
	plain := new(source).endpoint(&config.Source{Path: "/a"}, c)
	if !slices.Equal(plain.Allow, []netip.Prefix{all}) || plain.PublicURL != "https://127.0.0.1:8443/a" || plain.ClientCertificate || plain.MaxRate != 0 {
		t.Errorf("got %+v", plain)
	}
	if p := plain.Proxies; !slices.Equal(p.Trusted, []netip.Prefix{own}) || p.Header != "Forwarded" {
		t.Errorf("proxies: got %+v", p)
	}
	strict := new(source).endpoint(&config.Source{Path: "/b", Allow: []netip.Prefix{own}, ClientCertificate: true, MaxRate: 7}, c)
	if !slices.Equal(strict.Allow, []netip.Prefix{own}) || !strict.ClientCertificate || strict.MaxRate != 7 {
		t.Errorf("got %+v", strict)
	}
}

// A source is ready once the receiver takes its requests, and not when its plugin
// has answered: in between they are answered as under pressure.
func TestReadyOnceServed(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	s := r.graph.Load().sources["numbers.a"]
	s.serving.Store(false)
	if ok, why := r.Ready(); ok || len(why) != 1 || !strings.Contains(why[0], "numbers.a") {
		t.Errorf("answered and not served: got %t, %q, want a reason with numbers.a", ok, why)
	}
	if err := r.setEndpoints(); err != nil {
		t.Fatal(err)
	}
	if ok, why := r.Ready(); !ok {
		t.Errorf("served: got %q, want ready", why)
	}
}
