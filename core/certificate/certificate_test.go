package certificate

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the tests happen. Handshakes look at the real clock, so the
// certificates are good now too.
// start is one time for the whole program: certificates know whole seconds.
var start = sync.OnceValue(func() time.Time { return time.Now().Truncate(time.Second) })

func authority(t *testing.T) *lab.Authority {
	t.Helper()
	a, err := lab.NewAuthority("test authority", start())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func files(dir string) Files {
	return Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func issue(t *testing.T, a *lab.Authority, dir string, end time.Time) {
	t.Helper()
	if err := a.Write(dir, lab.Leaf{Name: "hooks.example.com", NotBefore: start().Add(-time.Hour), NotAfter: end}); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir, end := t.TempDir(), start().AddDate(0, 3, 0)
	issue(t, authority(t), dir, end)
	f := files(dir)
	f.ClientCA = filepath.Join(dir, "ca.pem")
	s, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if !s.NotAfter.Equal(end) || s.Clients == nil || strings.Join(s.Names, " ") != "hooks.example.com 127.0.0.1 ::1" {
		t.Errorf("got %v, clients %v, names %q, want %v", s.NotAfter, s.Clients, s.Names, end)
	}
}

// TestReadWrong breaks each file in each way: the problem names the file, says
// what is wrong, and holds neither path nor key (I14).
func TestReadWrong(t *testing.T) {
	t.Parallel()
	a := authority(t)
	other := t.TempDir()
	issue(t, a, other, start().AddDate(0, 3, 0))
	otherKey, err := os.ReadFile(filepath.Join(other, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	oldKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	block := func(kind string, headers map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("x")})
	}
	for name, c := range map[string]struct {
		file    string
		data    []byte // nil: removed
		which   Which
		missing bool
		want    string
	}{
		"no certificate":         {"cert.pem", nil, Cert, true, "no such file"},
		"no key":                 {"key.pem", nil, Key, true, "no such file"},
		"no authorities":         {"ca.pem", nil, ClientCA, true, "no such file"},
		"certificate empty":      {"cert.pem", []byte{}, Cert, false, "not PEM"},
		"certificate is DER":     {"cert.pem", []byte{0x30, 0x82}, Cert, false, "not PEM"},
		"certificate is a key":   {"cert.pem", otherKey, Cert, false, "no certificate"},
		"certificate is broken":  {"cert.pem", block("CERTIFICATE", nil), Cert, false, "certificate 1 in it cannot be read"},
		"certificate too large":  {"cert.pem", bytes.Repeat([]byte("x"), maxFile+1), Cert, false, "larger than"},
		"authority comes first":  {"cert.pem", append(bytes.Clone(a.PEM), a.PEM...), Key, false, "does not belong"},
		"key of another":         {"key.pem", otherKey, Key, false, "does not belong to the certificate"},
		"key of another kind":    {"key.pem", oldKey, Key, false, "does not belong to the certificate"},
		"key is a certificate":   {"key.pem", a.PEM, Key, false, "no private key"},
		"key is encrypted":       {"key.pem", block("ENCRYPTED PRIVATE KEY", nil), Key, false, "encrypted"},
		"key is encrypted, old":  {"key.pem", block("RSA PRIVATE KEY", map[string]string{"DEK-Info": "AES-256-CBC,00"}), Key, false, "encrypted"},
		"key is broken":          {"key.pem", block("PRIVATE KEY", nil), Key, false, "not supported"},
		"authorities are a key":  {"ca.pem", otherKey, ClientCA, false, "no certificate"},
		"authorities are broken": {"ca.pem", append(bytes.Clone(a.PEM), block("CERTIFICATE", nil)...), ClientCA, false, "certificate 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := authority(t).Write(dir, lab.Leaf{Name: "x", NotBefore: start(), NotAfter: start().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, c.file)
			if c.data == nil {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, file, c.data)
			}
			f := files(dir)
			f.ClientCA = filepath.Join(dir, "ca.pem")
			_, err := Read(f)
			var p *Problem
			if !errors.As(err, &p) || p.Which != c.which || p.Missing != c.missing || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, %+v, want %s, missing %t, %q", err, p, c.which, c.missing, c.want)
			}
			if strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "BEGIN PRIVATE KEY-----\n") {
				t.Errorf("the error shows a path or a key: %v", err)
			}
		})
	}
}

func TestNotAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Read(Files{Cert: dir, Key: dir})
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &Set{NotBefore: at.AddDate(0, -2, 0), NotAfter: at}
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{at.AddDate(0, -3, 0), "the certificate is not valid before 2026-09-23 12:00:00 UTC"},
		{at.AddDate(0, -1, 0), ""},
		{at.Add(-Soon), ""},
		{at.Add(-Soon + time.Minute), "the certificate expires on 2026-11-23 12:00:00 UTC, in 13 days"},
		{at, "the certificate expires on 2026-11-23 12:00:00 UTC, in 0 days"},
		{at.Add(time.Second), "the certificate expired on 2026-11-23 12:00:00 UTC"},
	} {
		if got := s.Warning(c.now); got != c.want {
			t.Errorf("%v: got %q, want %q", c.now, got, c.want)
		}
	}
}

// handshake dials through a pipe of real sockets and returns what the client saw.
func handshake(t *testing.T, k *Keeper, c *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		s := tls.Server(conn, k.TLS())
		if err = s.Handshake(); err == nil {
			_, err = s.Write([]byte("x"))
		}
		done <- err
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", l.Addr().String(), c)
	if err != nil {
		<-done
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	// A client learns only by reading that its own certificate was not good.
	_, err = io.ReadFull(conn, make([]byte, 1))
	<-done
	return conn.ConnectionState(), err
}

// TestReload renews the files under a keeper: the new certificate is used from the
// next handshake on, a broken pair changes nothing and is told of, once.
func TestReload(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	issue(t, a, dir, start().AddDate(0, 1, 0))
	reg := prometheus.NewRegistry()
	var logged bytes.Buffer
	now := start()
	k, err := New(Options{Files: files(dir), Registry: reg, Log: zerolog.New(&logged), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{RootCAs: a.Pool, ServerName: "hooks.example.com", NextProtos: []string{"h2", "http/1.1"}}
	serial := func() string {
		t.Helper()
		s, err := handshake(t, k, client)
		if err != nil {
			t.Fatal(err)
		}
		if s.NegotiatedProtocol != "http/1.1" {
			t.Errorf("protocol: got %q, want http/1.1", s.NegotiatedProtocol)
		}
		return s.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	k.Reload()
	if got := serial(); got != first {
		t.Errorf("nothing changed: got serial %s, want %s", got, first)
	}

	// Only one of the two files has been written so far.
	oldKey, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	issue(t, a, dir, start().AddDate(0, 2, 0))
	newKey, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), oldKey)
	k.Reload()
	k.Reload()
	if got := serial(); got != first {
		t.Errorf("half written: got serial %s, want %s", got, first)
	}
	if s := k.Status(); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "the last good ones stay") || !s.NotAfter.Equal(start().AddDate(0, 1, 0)) {
		t.Errorf("half written: got %+v", s)
	}
	failures := func() float64 {
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == "patchbay_certificate_reload_failures_total" {
				return f.Metric[0].Counter.GetValue()
			}
		}
		return -1
	}
	if got, lines := failures(), strings.Count(logged.String(), "last good"); got != 1 || lines != 1 {
		t.Errorf("half written, looked at twice: got %v failures and %d lines, want one each", got, lines)
	}

	write(t, filepath.Join(dir, "key.pem"), newKey)
	k.Reload()
	if got := serial(); got == first {
		t.Error("renewed: got the old certificate")
	}
	if s := k.Status(); len(s.Warnings) != 0 || !s.NotAfter.Equal(start().AddDate(0, 2, 0)) {
		t.Errorf("renewed: got %+v", s)
	}
	if err := os.Remove(filepath.Join(dir, "cert.pem")); err != nil {
		t.Fatal(err)
	}
	k.Reload()
	if got := serial(); got == first || failures() != 2 {
		t.Errorf("removed: got serial %s, %v failures", got, failures())
	}
}

// TestExpiryIsToldDaily: the log is reminded, not flooded.
func TestExpiryIsToldDaily(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issue(t, authority(t), dir, start().AddDate(0, 0, 10))
	var logged bytes.Buffer
	now := start()
	k, err := New(Options{Files: files(dir), Log: zerolog.New(&logged), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 48 {
		now = now.Add(time.Hour)
		k.Reload()
	}
	if got := strings.Count(logged.String(), "the certificate expires"); got != 3 {
		t.Errorf("in two days: got %d lines, want 3\n%s", got, &logged)
	}
}

// TestRun looks at the files by itself, and stops.
func TestRun(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	issue(t, a, dir, start().AddDate(0, 1, 0))
	k, err := New(Options{Files: files(dir), Every: time.Millisecond, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	end := start().AddDate(0, 2, 0)
	issue(t, a, dir, end)
	for !k.Status().NotAfter.Equal(end) && ctx.Err() == nil {
		k.o.Log.Debug().Msg("waiting")
	}
	if ctx.Err() != nil {
		t.Error("the renewed files were not noticed in 10 s")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

// TestClients: a client's certificate is checked against the authorities of the
// moment, and who has none is let through to be judged by path.
func TestClients(t *testing.T) {
	t.Parallel()
	a, stranger, dir := authority(t), authority(t), t.TempDir()
	issue(t, a, dir, start().AddDate(0, 1, 0))
	f := files(dir)
	f.ClientCA = filepath.Join(dir, "ca.pem")
	k, err := New(Options{Files: f, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	pair := func(by *lab.Authority, l lab.Leaf) []tls.Certificate {
		t.Helper()
		cert, key, err := by.Issue(l)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	good := lab.Leaf{Name: "provider", Client: true, NotBefore: start().Add(-time.Hour), NotAfter: start().Add(time.Hour)}
	old, server := good, good
	old.NotAfter, server.Client = start().Add(-time.Minute), false
	cache := tls.NewLRUClientSessionCache(8)
	show := func(p []tls.Certificate) *tls.Config {
		// Shown whatever authorities the server names.
		return &tls.Config{RootCAs: a.Pool, ServerName: "hooks.example.com", ClientSessionCache: cache,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p[0], nil }}
	}
	theirs := pair(a, good)
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"none":                   {&tls.Config{RootCAs: a.Pool, ServerName: "hooks.example.com"}, true},
		"ours":                   {show(theirs), true},
		"of another authority":   {show(pair(stranger, good)), false},
		"expired":                {show(pair(a, old)), false},
		"a server's certificate": {show(pair(a, server)), false},
		"TLS 1.1":                {&tls.Config{RootCAs: a.Pool, ServerName: "hooks.example.com", MaxVersion: tls.VersionTLS11}, false},
	} {
		if _, err := handshake(t, k, c.config); (err == nil) != c.ok {
			t.Errorf("%s: got %v, want ok %t", name, err, c.ok)
		}
	}
	// Another authority from now on: a session of before is no way around it.
	write(t, f.ClientCA, stranger.PEM)
	k.Reload()
	if s, err := handshake(t, k, show(theirs)); err == nil {
		t.Errorf("after the authority changed: got in, resumed %t", s.DidResume)
	}
}

func TestMinVersion(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	issue(t, a, dir, start().AddDate(0, 1, 0))
	for _, c := range []struct {
		least, client uint16
		ok            bool
	}{{0, tls.VersionTLS12, true}, {0, tls.VersionTLS13, true}, {tls.VersionTLS13, tls.VersionTLS12, false}, {tls.VersionTLS13, tls.VersionTLS13, true}} {
		k, err := New(Options{Files: files(dir), MinVersion: c.least, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = handshake(t, k, &tls.Config{RootCAs: a.Pool, ServerName: "127.0.0.1", MaxVersion: c.client})
		if (err == nil) != c.ok {
			t.Errorf("at least %x, client %x: got %v, want ok %t", c.least, c.client, err, c.ok)
		}
	}
}
