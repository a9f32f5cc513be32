package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestSASL(t *testing.T) {
	t.Parallel()
	const user, password = "writer", "s3cret,=word"
	mechanisms := map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
	for mechanism, method := range mechanisms {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			c := fake(t, kfake.EnableSASL(), kfake.Superuser(method, user, password))
			// This one hangs up on wrong credentials, as brokers did before they could
			// say why (KIP-152): that looks like any lost connection.
			testSASL(t, c.args(c.topic(t, 2, nil)), mechanism, user, password, sdk.Transient, "connection")
		})
	}
}

// testSASL writes with the right password and fails with wrong ones.
func testSASL(t *testing.T, a args, mechanism, user, password string, class sdk.FailureClass, code string) {
	t.Helper()
	block := args{"mechanism": mechanism, "username": user, "password": password}
	servePlugin(t).mustOpen(with(a, args{"sasl": block})).mustWrite(events(10), sdk.OutcomeDone)
	for _, bad := range []args{{"password": "wrong-word"}, {"username": "nobody"}} {
		_, err := servePlugin(t).open(with(a, args{"sasl": with(block, bad)}))
		f := wantFailure(t, err, class, code)
		for _, secret := range []string{password, "wrong-word"} { // I14
			if strings.Contains(f.Error(), secret) {
				t.Errorf("the error tells the password: %v", f)
			}
		}
	}
}

// refuseLogins makes the cluster answer as brokers do since KIP-152.
func refuseLogins(c *fakeCluster) {
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		res := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		res.ErrorCode = kerr.SaslAuthenticationFailed.Code
		res.ErrorMessage = kmsg.StringPtr("no such user: u")
		return res, nil, true
	})
}

func TestSASLMechanismNotOffered(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p"))
	a := c.args(c.topic(t, 1, nil))
	_, err := servePlugin(t).open(with(a, args{"sasl": args{"mechanism": "scram-sha-512", "username": "u", "password": "p"}}))
	if err == nil {
		t.Fatal("opened with a mechanism that the broker does not offer")
	}
	_, err = servePlugin(t).open(a) // a broker that wants authentication hangs up on us
	if err == nil {
		t.Fatal("opened without authentication")
	}
}

// Credentials that are revoked while the sink runs pause it; no event is lost
// and none is rejected.
func TestCredentialsRevoked(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p"))
	a := with(c.args(c.topic(t, 1, nil)), args{"sasl": args{"mechanism": "plain", "username": "u", "password": "p"}})
	p := servePlugin(t).mustOpen(a)
	p.mustWrite(events(1), sdk.OutcomeDone)
	refuseLogins(c)
	c.proxies[0].stop() // ends the sessions
	c.proxies[0].start()
	_, err := p.write(events(1))
	wantFailure(t, err, sdk.AuthFailed, "sasl_authentication_failed")
	_, err = servePlugin(t).open(a)
	wantFailure(t, err, sdk.AuthFailed, "sasl_authentication_failed")
}

// authority is a certificate authority in files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue writes name.pem and name.key.
func (a *authority) issue(name string, tmpl *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	ca.issue("server", &x509.Certificate{DNSNames: []string{"kafka.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	other.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pair, err := tls.LoadX509KeyPair(ca.file("server.pem"), ca.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	// Not behind proxies: those read requests.
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "events"), kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	base := args{"brokers": cluster.ListenAddrs(), "topic": "events"}
	good := args{"ca_file": ca.file("ca.pem"), "cert_file": ca.file("client.pem"), "key_file": ca.file("client.key")}
	for _, tc := range []struct {
		name  string
		tls   args
		class sdk.FailureClass
		code  string
		path  string // of the diagnostic
	}{
		{name: "trusted", tls: good},
		{name: "by name", tls: with(good, args{"server_name": "kafka.example"})},
		{name: "not verified", tls: with(good, args{"ca_file": "", "insecure_skip_verify": true}), path: "tls.insecure_skip_verify"},
		{name: "other name", tls: with(good, args{"server_name": "other.example"}), class: sdk.Misconfigured, code: "tls"},
		{name: "other authority", tls: with(good, args{"ca_file": other.file("ca.pem")}), class: sdk.Misconfigured, code: "tls"},
		{name: "other's client", tls: with(good, args{"cert_file": other.file("client.pem"), "key_file": other.file("client.key")}), class: sdk.Misconfigured, code: "tls"},
		{name: "no client certificate", tls: args{"ca_file": ca.file("ca.pem")}, class: sdk.Misconfigured, code: "tls"},
		{name: "half a pair", tls: with(good, args{"key_file": ""}), path: "tls"},
		{name: "no such file", tls: with(good, args{"ca_file": ca.file("none.pem")}), path: "tls.ca_file"},
		{name: "not a certificate", tls: with(good, args{"ca_file": ca.file("client.key")}), path: "tls.ca_file"},
		{name: "key of another", tls: with(good, args{"key_file": ca.file("server.key")}), path: "tls.cert_file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := servePlugin(t)
			diags, err := p.open(with(base, args{"tls": tc.tls}))
			path := ""
			if len(diags) > 0 {
				path = diags[0].Path
			}
			if path != tc.path {
				t.Fatalf("diagnostic: got %q (%v, %v), want %q", path, diags, err, tc.path)
			}
			if tc.class != "" {
				wantFailure(t, err, tc.class, tc.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if path == "" || tc.name == "not verified" {
				p.mustWrite(events(10), sdk.OutcomeDone)
			}
		})
	}
	t.Run("no encryption", func(t *testing.T) {
		t.Parallel()
		if _, err := servePlugin(t).open(base); err == nil {
			t.Error("opened without encryption")
		}
	})
}
