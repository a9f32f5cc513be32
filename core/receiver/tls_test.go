package receiver

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// secured is a bed behind TLS.
type secured struct {
	*bed
	a      *lab.Authority
	keeper *certificate.Keeper
	dir    string
	reg    *prometheus.Registry
}

func newSecured(t *testing.T, o Options, change func(*Config)) *secured {
	t.Helper()
	a, err := lab.NewAuthority("test authority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{a: a, dir: t.TempDir(), reg: prometheus.NewRegistry()}
	s.renew(t)
	s.keeper, err = certificate.New(certificate.Options{Log: zerolog.Nop(), Files: certificate.Files{
		Cert: filepath.Join(s.dir, "cert.pem"), Key: filepath.Join(s.dir, "key.pem"), ClientCA: filepath.Join(s.dir, "ca.pem"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	o.TLS, o.Registry = s.keeper.TLS(), s.reg
	s.bed = newBed(t, o, change)
	return s
}

func (s *secured) renew(t *testing.T) {
	t.Helper()
	l := lab.Leaf{Name: "hooks.example.com", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0)}
	if err := s.a.Write(s.dir, l); err != nil {
		t.Fatal(err)
	}
}

// client is a configuration that shows a certificate of the given authority, or
// none.
func (s *secured) client(t *testing.T, by *lab.Authority) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: s.a.Pool, ServerName: "hooks.example.com"}
	if by != nil {
		cert, key, err := by.Issue(lab.Leaf{Name: "provider", Client: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		p, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p, nil }
	}
	return c
}

// send posts over a new connection, which it returns; status 0 means that there
// was no answer.
func (s *secured) send(t *testing.T, c *tls.Config, body string) (int, net.Conn) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", s.addr, c)
	if err != nil {
		return 0, nil
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return again(conn, body), conn
}

func again(conn net.Conn, body string) int {
	if _, err := io.WriteString(conn, post(body)); err != nil {
		return 0
	}
	status, _, _ := answerOf(conn, "POST")
	return status
}

// TestTLS: a request over TLS is stored, a renewed certificate is shown to the
// next connection, and the one that is open goes on.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t, Options{}, nil)
	status, open := s.send(t, s.client(t, nil), "one")
	if status != 200 {
		t.Fatalf("got %d, want 200", status)
	}
	first := open.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
	s.renew(t)
	s.keeper.Reload()
	if status := again(open, "two"); status != 200 {
		t.Errorf("on the open connection: got %d, want 200", status)
	}
	status, fresh := s.send(t, s.client(t, nil), "three")
	if status != 200 || fresh.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Cmp(first) == 0 {
		t.Errorf("on a new connection: got %d, want 200 and the new certificate", status)
	}
	var bodies []string
	for _, d := range s.stored() {
		bodies = append(bodies, string(d.Body))
	}
	if got := strings.Join(bodies, " "); got != "one two three" {
		t.Errorf("stored: got %q", got)
	}
}

// TestNotTLS: what is no TLS is answered or dropped, counted, and stores nothing.
func TestNotTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t, Options{}, nil)
	for name, request := range map[string]string{"HTTP": post("x"), "noise": strings.Repeat("\x00\xff", 500), "silence": ""} {
		conn := s.dial()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The receiver may have hung up already: that is an answer too.
		_ = conn.(*net.TCPConn).CloseWrite()
		if answer, _ := io.ReadAll(conn); bytes.Contains(answer, []byte(" 200 ")) {
			t.Errorf("%s: got %q", name, answer)
		}
	}
	if got := len(s.stored()); got != 0 {
		t.Errorf("stored: got %d, want none", got)
	}
	s.end()
	// Silence that ends is not worth a message to the HTTP server.
	if got := s.counter(t, "patchbay_tls_handshake_failures_total"); got < 2 {
		t.Errorf("failed handshakes: got %v, want at least 2", got)
	}
}

func (s *secured) counter(t *testing.T, name string) float64 {
	t.Helper()
	all, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f.Metric[0].Counter.GetValue()
		}
	}
	return -1
}

// TestClientCertificate: a source that wants one gets only requests that show one.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	stranger, err := lab.NewAuthority("stranger", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []bool{true, false} {
		s := newSecured(t, Options{}, func(c *Config) { c.ClientCertificate = wanted })
		without := 200
		if wanted {
			without = 403
		}
		for name, c := range map[string]struct {
			by   *lab.Authority
			want int
		}{
			"none": {nil, without}, "ours": {s.a, 200}, "of a stranger": {stranger, 0},
		} {
			if got, _ := s.send(t, s.client(t, c.by), "x"); got != c.want {
				t.Errorf("wanted %t, %s: got %d, want %d", wanted, name, got, c.want)
			}
		}
		s.end()
		want := map[string]int64{}
		if wanted {
			want[noCertificate] = 1
		}
		s.wantRefused(want)
	}
	// Without TLS nobody has one.
	b := newBed(t, Options{}, func(c *Config) { c.ClientCertificate = true })
	if status, _, _ := b.raw(post("x")); status != http.StatusForbidden {
		t.Errorf("without TLS: got %d, want 403", status)
	}
}

// TestServerLog: strangers' failed handshakes do not fill the log, a panic of ours
// is in it.
func TestServerLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := New(Options{Log: zerolog.New(&out).Level(zerolog.InfoLevel)})
	l := &serverLog{r}
	for _, line := range []string{"http: TLS handshake error from 203.0.113.9:1: EOF\n", "http: panic serving 203.0.113.9:1: x\n", "http: Accept error: too many open files\n"} {
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	got := out.String()
	if strings.Contains(got, "handshake") || strings.Count(got, `"level":"error"`) != 1 || strings.Count(got, `"level":"warn"`) != 1 {
		t.Errorf("got %s", got)
	}
}
