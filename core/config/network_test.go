package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lab"
)

// certificates are the files of fixtures' tls blocks, made once: NAME.pem and
// NAME.key, of an authority in ca.pem.
var certificates = sync.OnceValues(func() (map[string][]byte, error) {
	a, err := lab.NewAuthority("fixture authority", fixtureNow)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"ca.pem": a.PEM}
	for name, from := range map[string]time.Duration{"good": 0, "soon": -360 * 24 * time.Hour, "ended": -400 * 24 * time.Hour, "early": 24 * time.Hour} {
		begin := fixtureNow.Add(from)
		cert, key, err := a.Issue(lab.Leaf{Name: "hooks.example.com", NotBefore: begin, NotAfter: begin.Add(365 * 24 * time.Hour)})
		if err != nil {
			return nil, err
		}
		files[name+".pem"], files[name+".key"] = cert, key
	}
	files["open.key"] = files["good.key"]
	return files, nil
})

func writeCertificates(t testing.TB, dir string) {
	t.Helper()
	files, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		mode := os.FileMode(0o600)
		if name == "open.key" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	dir := fixture(t, "testdata/good/network.hcl")
	opts := fixtureOptions()
	cfg, diags := Load(dir, opts)
	if len(diags) > 0 {
		t.Fatalf("got %s", diags.Text(cfg.Files))
	}
	r := cfg.Receiver
	want := TLS{
		CertFile: filepath.Join(dir, "good.pem"), KeyFile: filepath.Join(dir, "good.key"), ClientCAFile: filepath.Join(dir, "ca.pem"),
		MinVersion: "1.3", Reload: 30 * time.Second,
	}
	if r.TLS == nil || *r.TLS != want {
		t.Errorf("tls: got %+v, want %+v", r.TLS, want)
	}
	if got := fmt.Sprintf("%v %v %s %d", r.Allow, r.TrustedProxies, r.ForwardedHeader, r.MaxHeaderBytes); got !=
		"[203.0.113.0/24 2001:db8::/32 198.51.100.7/32 2001:db8::1/128 192.0.2.0/24 192.0.2.1/32] [10.0.0.0/8] Forwarded 16384" {
		t.Errorf("got %s", got)
	}
	for i, want := range []struct {
		allow string
		cert  bool
		rate  int
	}{{"[]", true, 0}, {"[192.0.2.0/24]", false, 500}} {
		s := cfg.Sources[i]
		if fmt.Sprint(s.Allow) != want.allow || s.ClientCertificate != want.cert || s.MaxRate != want.rate {
			t.Errorf("source %s: got %v, %t, %d, want %+v", s.Address, s.Allow, s.ClientCertificate, s.MaxRate, want)
		}
	}
}

// TestMissingCertificate: where a configuration is checked its certificate need
// not be; where it runs it must.
func TestMissingCertificate(t *testing.T) {
	t.Parallel()
	for strict, want := range map[bool]diag.Severity{false: diag.Warning, true: diag.Error} {
		dir := fixture(t, "testdata/good/network.hcl")
		if err := os.Remove(filepath.Join(dir, "good.key")); err != nil {
			t.Fatal(err)
		}
		opts := fixtureOptions()
		opts.RequireSecrets = strict
		_, diags := Load(dir, opts)
		if len(diags) != 1 || diags[0].Code != diag.BadCertificate || diags[0].Severity != want {
			t.Errorf("strict %t: got %v, want one %s of %s", strict, diags, want, diag.BadCertificate)
		}
	}
}

// TestWithoutClock: who gives no clock is not told of the end of a certificate.
func TestWithoutClock(t *testing.T) {
	t.Parallel()
	opts := fixtureOptions()
	opts.Now = nil
	if _, diags := Load(fixture(t, "testdata/wrong/tls-ended.hcl"), opts); len(diags) != 0 {
		t.Errorf("got %v, want nothing", diags)
	}
}

// FuzzNetwork: whatever is accepted is a network in its own canonical form, and
// an address lies in the network that stands for it.
func FuzzNetwork(f *testing.F) {
	for _, s := range []string{"203.0.113.0/24", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "fe80::1%eth0", "fe80::/10%x", "1.2.3.4/33", "::/0", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, problem := parseNetwork(s)
		if problem != "" {
			if p.IsValid() {
				t.Errorf("%q: got %v and %q", s, p, problem)
			}
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			t.Errorf("%q: got %v", s, p)
		}
		if a, err := netip.ParseAddr(s); err == nil && !p.Contains(a.Unmap()) {
			t.Errorf("%q does not lie in %v", s, p)
		}
		if again, problem := parseNetwork(p.String()); again != p || problem != "" {
			t.Errorf("%q: got %v, then %v (%s)", s, p, again, problem)
		}
	})
}

// TestTooManyNetworks bounds what each request is held against (I12).
func TestTooManyNetworks(t *testing.T) {
	t.Parallel()
	dir := fixture(t, "testdata/good/network.hcl")
	var all []string
	for i := range maxNetworks + 1 {
		all = append(all, fmt.Sprintf("%q", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})))
	}
	text := "receiver { allow = [" + strings.Join(all, ", ") + "] }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := Load(dir, fixtureOptions())
	if !slices.Equal(codes(diags), []diag.Code{diag.OutOfRange}) || cfg.Receiver.Allow != nil {
		t.Errorf("got %v, %d networks", diags, len(cfg.Receiver.Allow))
	}
}
